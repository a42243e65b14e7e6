"""Where a setting comes from, what is refused, and what is never shown."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from exchange_project.checks import unsafe_binding
from exchange_project.options import Options, is_loopback, note_command_line

ROOT = Path(__file__).resolve().parents[2]


def found(options: Options, name: str) -> tuple[object, str]:
    (setting,) = (setting for setting in options.settings if setting.option.name == name)
    return setting.value, setting.source


def test_the_environment_goes_before_dot_env_and_dot_env_before_the_default(tmp_path):
    (tmp_path / ".env").write_text("EXCHANGE_PORT=9001\nEXCHANGE_WORKERS=3\nEXCHANGE_DATA_DIR=state\n")
    options = Options(tmp_path, {"EXCHANGE_PORT": "9002", "EXCHANGE_HOST": ""})
    assert found(options, "EXCHANGE_PORT") == (9002, "environment")
    assert found(options, "EXCHANGE_WORKERS") == (3, ".env")
    assert found(options, "EXCHANGE_HOST") == ("127.0.0.1", "default")
    assert options.data_dir == tmp_path / "state"


def test_the_command_line_goes_before_everything(tmp_path, monkeypatch):
    monkeypatch.setenv("EXCHANGE_PORT", "9002")
    monkeypatch.setenv("EXCHANGE_FROM_COMMAND_LINE", "")
    monkeypatch.setenv("EXCHANGE_DATA_DIR", "")
    note_command_line(["manage.py", "up", "--port", "9003", "--data-dir=here"])
    options = Options(tmp_path, os.environ)
    assert found(options, "EXCHANGE_PORT") == (9003, "command line")
    assert options.data_dir == Path.cwd() / "here", "a typed path begins where the user stands"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("EXCHANGE_PORT", "http"),
        ("EXCHANGE_PORT", "70000"),
        ("EXCHANGE_WORKERS", "0"),
        ("EXCHANGE_ALLOW_UNSIGNED", "ture"),
        ("EXCHANGE_DURABILITY", "eventual"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name_and_value(tmp_path, name, text):
    with pytest.raises(ImproperlyConfigured, match=rf"{name} \(environment\) must be .*, not '{text}'"):
        Options(tmp_path, {name: text})


def test_config_prints_every_source_and_no_secret():
    secrets = {"EXCHANGE_SECRET_KEY": "hush-key", "REDIS_URL": "redis://u:hush@h/0", "DATABASE_URL": "sqlite:///hush"}
    environment = {**os.environ, **secrets, "EXCHANGE_WORKERS": "2", "EXCHANGE_NO_BOOTSTRAP": "1"}
    command = [sys.executable, str(ROOT / "manage.py"), "config", "--port", "9004", "--json"]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    rows = {row["name"]: row for row in json.loads(printed)}
    assert "hush" not in printed
    assert rows["REDIS_URL"]["value"]
    assert (rows["EXCHANGE_PORT"]["value"], rows["EXCHANGE_PORT"]["source"]) == (9004, "command line")
    assert (rows["EXCHANGE_WORKERS"]["value"], rows["EXCHANGE_WORKERS"]["source"]) == (2, "environment")


def test_beyond_loopback_three_things_must_be_said(settings):
    hosts = {"EXCHANGE_ALLOWED_HOSTS": ["exchange.example"]}
    settings.EXCHANGE_ALLOW_UNSIGNED, settings.DEBUG, settings.EXCHANGE_OPTIONS = True, False, hosts
    settings.ALLOWED_HOSTS = ["exchange.example"]
    assert unsafe_binding("0.0.0.0") is None
    settings.ALLOWED_HOSTS = ["*"]
    assert "EXCHANGE_ALLOWED_HOSTS" in unsafe_binding("0.0.0.0")
    settings.ALLOWED_HOSTS = ["exchange.example"]
    settings.DEBUG = True
    assert "EXCHANGE_DEBUG" in unsafe_binding("192.168.0.7")
    settings.EXCHANGE_ALLOW_UNSIGNED = False
    assert "EXCHANGE_ALLOW_UNSIGNED" in unsafe_binding("::")
    assert unsafe_binding("127.0.0.1") is unsafe_binding("localhost") is unsafe_binding("::1") is None


def test_a_name_that_begins_like_loopback_is_not():
    for host in ("127.0.0.1.evil.example", "localhost.evil.example", "::2", ""):
        assert not is_loopback(host), host
    assert all(is_loopback(host) for host in ("localhost", "127.0.0.1", "127.9.9.9", "::1"))


@pytest.mark.parametrize("text", ["0", "-1", "many", "1000001"])
def test_a_number_of_sockets_is_a_number_above_zero(tmp_path, text):
    with pytest.raises(ImproperlyConfigured, match=r"EXCHANGE_SOCKETS_PER_ADDRESS .* must be 1 to 1000000"):
        Options(tmp_path, {"EXCHANGE_SOCKETS_PER_ADDRESS": text})
