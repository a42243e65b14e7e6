"""Our modules where there is no fcntl and the platform says win32. There is no Windows here: more is not shown."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Everything is imported once as it is, so that the packages of others are there; then ours again, on "Windows".
PROGRAM = """
import importlib, os, sys, types
os.environ.update(DJANGO_SETTINGS_MODULE="exchange_project.settings", EXCHANGE_REDIS_SERVER="none", REDIS_URL="fakeredis://up")
sys.path.insert(0, sys.argv[1])
OURS = [
    "exchange_project.bootstrap", "exchange_project.settings", "exchange_project.supervisor", "exchange_project.server",
    "exchange_project.listeners", "exchange_project.in_memory", "exchange_project.asgi",
    "exchange_project.management.commands.up", "simulation.management.commands.replay", "qte.exchange", "qte.core",
]
import exchange_project.asgi  # sets Django up
for name in OURS:
    importlib.import_module(name)
import django.apps
rooms = ("engine", "exchange_project", "qte")
kept = {"exchange_project.asgi", "exchange_project.settings", "exchange_project.apps", "exchange_project"}
for name in [name for name in sys.modules if name.partition(".")[0] in rooms and name not in kept]:
    del sys.modules[name]
held = []
msvcrt = types.ModuleType("msvcrt")
msvcrt.LK_NBLCK = 2
def locking(descriptor, mode, count):
    inode = os.fstat(descriptor).st_ino
    if inode in held:
        raise OSError("Permission denied")
    held.append(inode)
msvcrt.locking = locking
sys.modules.update(fcntl=None, msvcrt=msvcrt)
sys.platform = "win32"
for name in OURS:
    importlib.import_module(name)
from pathlib import Path
from engine.instance import DataDirectory, Running
first, second = DataDirectory(Path(sys.argv[2])), DataDirectory(Path(sys.argv[2]))
assert first.hold(serves=True) is None
first.announce(serves=True, redis_url="fakeredis://up", url="http://here")
assert second.hold(serves=False).url == "http://here"
from engine.embedded import find_server
assert find_server() is None
from exchange_project.bootstrap import _python
assert _python(Path("venv")).parts == ("venv", "Scripts", "python.exe")
print("imported")
"""


def test_nothing_of_ours_needs_a_unix_to_be_imported_and_locks_work(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(ROOT), str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "imported"), done.stderr
