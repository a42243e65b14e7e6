"""Who holds a data directory, what others see of it, and the secrets kept in it."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import redis
from django.conf import settings

from engine.instance import DataDirectory, DataDirectoryInUse, attached, secret_kept_in

ROOT = Path(__file__).resolve().parents[2]


def test_only_one_holds_a_directory_and_others_learn_where_its_redis_is(tmp_path):
    mine, theirs = DataDirectory(tmp_path), DataDirectory(tmp_path)
    assert mine.running() is None
    assert mine.hold(serves=True) is None
    mine.announce(serves=True, redis_url="unix:///somewhere", url="http://127.0.0.1:1")
    holder = theirs.hold(serves=True)
    assert holder is not None
    assert (holder.redis_url, holder.url) == ("unix:///somewhere", "http://127.0.0.1:1")
    assert theirs.running() == holder
    assert not theirs.is_held
    mine.release()
    assert theirs.running() is None
    assert theirs.hold(serves=True) is None
    theirs.release()


def test_a_note_without_a_holder_is_not_believed(tmp_path):
    program = (
        "import sys, os; from pathlib import Path; from engine.instance import DataDirectory\n"
        "directory = DataDirectory(Path(sys.argv[1])); directory.hold(serves=True)\n"
        "directory.announce(serves=True, redis_url='unix:///gone'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=False)
    assert (tmp_path / "run.json").exists()
    assert DataDirectory(tmp_path).running() is None
    with DataDirectory(tmp_path) as directory:
        assert directory.hold(serves=False, wait_seconds=0) is None


def test_a_command_waits_for_another_command_and_gives_up_in_words(tmp_path):
    first, second = DataDirectory(tmp_path), DataDirectory(tmp_path)
    first.hold(serves=False)
    with pytest.raises(DataDirectoryInUse, match="in use by process"):
        second.hold(serves=False, wait_seconds=0.05)
    threading.Timer(0.1, first.release).start()
    assert second.hold(serves=False) is None
    second.release()


def test_a_command_of_a_stopped_exchange_starts_redis_and_keeps_what_it_wrote(tmp_path, monkeypatch):
    prepared: list[str] = []
    monkeypatch.setattr("engine.instance._preparations", [prepared.append])
    with attached(tmp_path) as url, redis.Redis.from_url(url) as client:
        client.set("kept", "yes")
        assert DataDirectory(tmp_path).running() is None, "a command does not serve"
    with attached(tmp_path) as url, redis.Redis.from_url(url) as client:
        assert client.get("kept") == b"yes"
        assert prepared == [url, url]
    assert not DataDirectory(tmp_path).is_held


def test_a_command_of_a_running_exchange_uses_its_redis(tmp_path):
    with DataDirectory(tmp_path) as running:
        running.hold(serves=True)
        running.announce(serves=True, redis_url="unix:///of-the-instance")
        with attached(tmp_path) as url:
            assert url == "unix:///of-the-instance"
        with attached(tmp_path, redis_url="redis://given") as url:
            assert url == "redis://given"


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path):
    file = tmp_path / "data" / "secret_key"
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.append(secret_kept_in(file))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 1
    assert len(made) == 8
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["secret_key"]


def test_the_tests_own_state_is_outside_of_the_project() -> None:
    own = Path(settings.EXCHANGE_DATA_DIR)
    assert own == Path(os.environ["EXCHANGE_DATA_DIR"])
    assert not own.is_relative_to(settings.BASE_DIR)
    assert settings.EXCHANGE_SIM_TOKEN_FILE.parent == own
    assert settings.SECRET_KEY
    assert not settings.DATABASES["default"]["NAME"].startswith(str(settings.BASE_DIR))
