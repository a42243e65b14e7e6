"""The base of the commands whose flags settings.py has read already (options.note_command_line)."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class WholeFlags(BaseCommand):
    """A command that takes no beginnings of flags: `--work 2` would be parsed, and never be read."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """argparse guesses what is meant unless it is told not to."""
        return super().create_parser(prog_name, subcommand, allow_abbrev=False, **kwargs)
