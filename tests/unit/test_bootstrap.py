"""The bootstrap of manage.py, in folders of its own: what it makes, leaves alone, and says when it cannot."""

import ast
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exchange_project import bootstrap

ROOT = Path(bootstrap.__file__).resolve().parent.parent
BASE_PYTHON = str(Path(sys.base_prefix) / "bin" / "python3")
PROGRAM = """
import sys
from pathlib import Path
from bootstrap import ensure_environment
ensure_environment(Path(__file__).resolve().parent, [str(Path(__file__).resolve()), *sys.argv[1:]])
print(sys.prefix)
"""


@pytest.fixture
def project(tmp_path):
    """A project with nothing to install: what is tested is the way there."""
    (tmp_path / "manage.py").write_text(PROGRAM)
    (tmp_path / "bootstrap.py").write_text(Path(bootstrap.__file__).read_text())
    (tmp_path / "engine").mkdir()
    for file in ("__init__.py", "locks.py"):
        (tmp_path / "engine" / file).write_text((ROOT / "engine" / file).read_text())
    (tmp_path / "requirements.lock").write_text("# nothing\n")
    (tmp_path / "requirements-dev.lock").write_text("# nothing either\n")
    return tmp_path


def environment(**changes: str) -> dict[str, str]:
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if not (Path(part) / "uv").exists())
    return {**os.environ, "PATH": path, "EXCHANGE_NO_BOOTSTRAP": "", **changes}


def start(project: Path, *arguments: str, python: str = BASE_PYTHON, **changes: str) -> subprocess.Popen[str]:
    command = [python, str(project / "manage.py"), *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd="/", env=environment(**changes), stdout=pipe, stderr=pipe, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=100)
    return process.returncode, out.strip(), err.strip()


def test_first_run_makes_the_environment_and_later_ones_follow_the_locks(project):
    code, out, err = finish(start(project, "up"))
    assert (code, out) == (0, str(project / ".venv"))
    assert err == "setting up .venv from requirements.lock (once)..."
    (packages,) = (project / ".venv" / "lib").glob("python3*/site-packages/simulated_exchange.pth")
    assert packages.read_text().strip() == str(project)
    assert finish(start(project, "up")) == (0, str(project / ".venv"), "")
    assert "requirements-dev.lock" in finish(start(project, "test"))[2]
    assert finish(start(project, "up"))[2] == ""
    (project / "requirements.lock").write_text("# another nothing\n")
    assert "setting up" in finish(start(project, "up"))[2]


def test_of_two_first_runs_at_once_one_installs_and_both_go_on(project):
    both = [start(project, "up"), start(project, "up")]
    results = [finish(process) for process in both]
    assert [code for code, _, _ in results] == [0, 0]
    assert sorted("setting up" in err for _, _, err in results) == [False, True]


def test_somebody_elses_environment_is_left_alone(project, tmp_path_factory):
    theirs = tmp_path_factory.mktemp("theirs") / "venv"
    subprocess.run([BASE_PYTHON, "-m", "venv", "--without-pip", theirs], check=True)
    code, out, err = finish(start(project, "up", python=str(theirs / "bin" / "python")))
    assert (code, out, err) == (0, str(theirs), "")
    assert not (project / ".venv").exists()


def test_it_can_be_turned_off(project):
    code, out, _ = finish(start(project, "up", EXCHANGE_NO_BOOTSTRAP="1"))
    assert code == 0
    assert Path(out) == Path(sys.base_prefix)
    assert not (project / ".venv").exists()


def test_what_could_not_be_installed_is_named_in_one_line(project):
    (project / "requirements.lock").write_text(f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n")
    code, out, err = finish(start(project, "up", PIP_NO_INDEX="1", PIP_CONFIG_FILE=os.devnull))
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 2
    assert "no-such-package==1.0" in err.splitlines()[1]
    assert "setting up" in finish(start(project, "up"))[2], "a failed set-up must not leave a stamp"


def test_a_warm_start_costs_next_to_nothing(project, monkeypatch):
    (project / ".venv").mkdir()
    digest = bootstrap._digest(project / "requirements.lock")
    (project / ".venv" / "installed-locks").write_text(digest)
    monkeypatch.setattr(sys, "prefix", str(project / ".venv"))
    monkeypatch.delenv("EXCHANGE_NO_BOOTSTRAP", raising=False)
    before = time.perf_counter()
    bootstrap.ensure_environment(project, ["manage.py", "up"])
    assert time.perf_counter() - before < 0.1


def test_the_bootstrap_imports_the_standard_library_only():
    ours = {"engine/__init__.py", "engine/locks.py", "exchange_project/__init__.py", "exchange_project/bootstrap.py"}
    for file in ("manage.py", *ours):
        tree = ast.parse((ROOT / file).read_text())
        imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}
        names = {name for name in names if f"{name.replace('.', '/')}.py" not in ours}
        assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def pins(lock: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+==\S+)", (ROOT / lock).read_text(), flags=re.MULTILINE))


def test_the_developers_lock_holds_the_other_and_every_pin_has_a_hash():
    assert pins("requirements.lock") < pins("requirements-dev.lock")
    for lock in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / lock).read_text()
        assert "://" not in text
        assert all("--hash=sha256:" in entry for entry in re.split(r"\n(?=[a-z])", text.strip()))
