"""A venue whose scripts fit only a few matches into one step, so that a few orders are enough for many steps."""

import hashlib
from functools import lru_cache
from pathlib import Path

from engine.scripts import LUA_FOLDER, Script, load_scripts
from engine.types import MAX_FILLS
from engine.venue import Venue

LINE = "local MAX_FILLS = {}"


@lru_cache(maxsize=8)
def _scripts(cap: int, folder: Path) -> dict[str, Script]:
    scripts = {}
    for name, script in load_scripts(folder).items():
        assert (LINE.format(MAX_FILLS) in script.text) == ("MAX_FILLS" in script.text), name
        text = script.text.replace(LINE.format(MAX_FILLS), LINE.format(cap))
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        scripts[name] = Script(name=name, text=text, sha=sha, is_read_only=script.is_read_only)
    return scripts


def shorten_steps(venue: Venue, cap: int, folder: Path = LUA_FOLDER) -> None:
    """From here on a step of this venue has at most `cap` matches; its scripts are those of `folder`."""
    venue.runner._scripts = _scripts(cap, folder)
