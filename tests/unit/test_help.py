"""`manage.py COMMAND --help` of every command of ours: something is said about everything."""

from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).resolve().parents[2]
OURS = sorted(path.stem for path in ROOT.glob("*/management/commands/*.py") if path.stem != "__init__")
BY_DJANGO = {
    "help",
    "version",
    "verbosity",
    "settings",
    "pythonpath",
    "traceback",
    "no_color",
    "force_color",
    "skip_checks",
}


def test_manage_help_lists_every_command_of_ours():
    listed = get_commands()
    assert len(OURS) >= 14
    assert {name: listed.get(name) for name in OURS} == {
        path.stem: path.parts[-4] for path in ROOT.glob("*/management/commands/*.py") if path.stem != "__init__"
    }


@pytest.mark.parametrize("name", OURS)
def test_every_command_says_what_it_does_and_every_argument_what_it_is_for(name):
    command = load_command_class(get_commands()[name], name)
    parser = command.create_parser("manage.py", name)
    assert len(command.help) > 20
    ours = [action for action in parser._actions if action.dest not in BY_DJANGO]
    assert not [action.dest for action in ours if not action.help]
    text = parser.format_help()
    assert "default None" not in text
    assert "default )" not in text
