"""Sets the project up before anything of it can be imported: a virtual environment, its packages, then on with it.

Standard library only (engine.locks has no more either), and quick when there is nothing to do: manage.py calls it at
every start. The stamp in `.venv` holds the hashes of the locks that were installed last. A virtual environment that is
not ours is left alone.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from engine.locks import wait_for_lock

LONGEST_SET_UP_SECONDS = 3600.0
DEVELOPER_COMMANDS = ("test", "bench")


def ensure_environment(root: Path, arguments: list[str]) -> None:
    """Return inside a virtual environment that has what the command needs; set it up and start again if necessary."""
    venv = root / ".venv"
    is_ours = Path(sys.prefix).resolve() == venv.resolve()
    if os.environ.get("EXCHANGE_NO_BOOTSTRAP") == "1" or (sys.prefix != sys.base_prefix and not is_ours):
        return
    is_for_developers = len(arguments) > 1 and arguments[1] in DEVELOPER_COMMANDS
    lock = root / ("requirements-dev.lock" if is_for_developers else "requirements.lock")
    if not _is_installed(venv, lock):
        with (root / ".venv.lock").open("ab") as lock_file:
            # Of two runs at once, one installs and the other waits here.
            wait_for_lock(lock_file.fileno(), seconds=LONGEST_SET_UP_SECONDS)
            if not _is_installed(venv, lock):
                _install(root, venv, lock)
    if not is_ours:
        _start_again([str(_python(venv)), *arguments])


def _start_again(command: list[str]) -> None:
    """The same program, in its environment. Windows cannot replace a process: there the first one waits."""
    if sys.platform == "win32":
        sys.exit(subprocess.call(command))
    os.execv(command[0], command)  # noqa: S606


def _python(venv: Path) -> Path:
    return venv / "Scripts" / "python.exe" if sys.platform == "win32" else venv / "bin" / "python"


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _stamp(venv: Path) -> Path:
    return venv / "installed-locks"


def _is_installed(venv: Path, lock: Path) -> bool:
    try:
        return _digest(lock) in _stamp(venv).read_text().split()
    except FileNotFoundError:
        return False


def _install(root: Path, venv: Path, lock: Path) -> None:
    _say(f"setting up .venv from {lock.name} (once)...")
    uv = shutil.which("uv")
    python = _python(venv)
    if not python.exists():
        _make_venv(venv, uv)
    if uv:
        command = [uv, "pip", "install", "--quiet", "--python", str(python)]
    else:
        command = [*_pip(python), "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    _run([*command, "--require-hashes", "-r", str(lock)], f"could not install the packages of {lock.name}")
    # What `pip install -e .` would do for our own packages, without a build: they stand where they are.
    where = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.check_output(where, text=True).strip())
    (packages / "simulated_exchange.pth").write_text(f"{root}\n")
    # The developers' lock holds all of the other, in the same versions.
    locks = {lock, root / "requirements.lock"}
    _stamp(venv).write_text("".join(f"{_digest(each)}\n" for each in sorted(locks)))


def _make_venv(venv: Path, uv: str | None) -> None:
    if uv:
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(venv)], "could not make .venv")
        return
    options = [] if _has("ensurepip") else ["--without-pip"]
    _run([sys.executable, "-m", "venv", *options, str(venv)], "could not make .venv (Debian: apt install python3-venv)")


def _pip(python: Path) -> list[str]:
    """pip of the environment, or, where Debian left it out, the system's pip pointed at the environment."""
    if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
        return [str(python), "-m", "pip"]
    if not _has("pip"):
        sys.exit("manage.py: neither uv nor pip was found; install one of them and run this again")
    return [sys.executable, "-m", "pip", "--python", str(python)]


def _has(module: str) -> bool:
    return subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


def _run(command: list[str], complaint: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"manage.py: {complaint}: {_last_error(done.stderr or done.stdout)}")


def _last_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    named = [line for line in lines if "ERROR" in line or line.startswith("error")]
    return (named or lines or ["no reason given"])[-1]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
