"""What users read in two languages: the same commands, the same tables, links that lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.zh-CN.md")
PAIRS = [READMES, ("docs/ORDERS.md", "docs/ORDERS.zh-CN.md"), ("docs/RULES.md", "docs/RULES.zh-CN.md")]
PAGES = [*(name for pair in PAIRS for name in pair), "docs/ARCHITECTURE.md"]


def text(name: str) -> str:
    return (ROOT / name).read_text()


def code_blocks(markdown: str) -> list[str]:
    """Fenced and indented blocks, in order, each as its lines."""
    blocks: list[list[str]] = []
    is_fenced, is_inside = False, False
    for line in markdown.splitlines():
        if line.startswith("```"):
            is_fenced = not is_fenced
            if is_fenced:
                blocks.append([line])
            continue
        is_indented = not is_fenced and line.startswith("    ")
        if is_indented and not is_inside:
            blocks.append([])
        if is_fenced or is_indented:
            blocks[-1].append(line)
        is_inside = is_indented
    return ["\n".join(block) for block in blocks]


def first_cells(markdown: str) -> list[str]:
    """The first cell of every row of every table, but for its heads."""
    rows = [re.split(r"(?<!\\)\|", line)[1].strip() for line in markdown.splitlines() if line.startswith("|")]
    return [cell for cell in rows if cell.startswith("`")]


def rows(markdown: str) -> int:
    return sum(line.startswith("|") for line in markdown.splitlines())


@pytest.mark.parametrize("pair", PAIRS)
def test_both_languages_have_the_same_code_blocks(pair):
    english, chinese = (code_blocks(text(name)) for name in pair)
    assert len(english) >= (5 if pair == READMES else 0)
    assert chinese == english


@pytest.mark.parametrize("pair", PAIRS)
def test_both_languages_have_as_many_rows_in_their_tables(pair):
    english, chinese = (rows(text(name)) for name in pair)
    assert english >= 5
    assert chinese == english


def test_both_readmes_have_the_same_commands_in_their_table():
    english, chinese = (first_cells(text(name)) for name in READMES)
    assert len(english) >= 9
    assert chinese == english


@pytest.mark.parametrize("pair", PAIRS)
def test_both_languages_have_as_many_sections(pair):
    english, chinese = (re.findall(r"^#+ ", text(name), re.MULTILINE) for name in pair)
    assert chinese == english


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_file_that_is_there(name):
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text(name)) if "://" not in link]
    assert links
    assert not [link for link in links if not ((ROOT / name).parent / link).exists()]


@pytest.mark.parametrize("pair", PAIRS)
def test_each_language_links_the_other_at_its_top(pair):
    for name, other in (pair, pair[::-1]):
        assert f"]({Path(other).name})" in "\n".join(text(name).splitlines()[:4])


@pytest.mark.parametrize("name", READMES)
def test_every_command_of_the_table_exists(name):
    commands = {cell.strip("`").split()[0] for cell in first_cells(text(name))}
    ours = {path.stem for path in ROOT.glob("*/management/commands/*.py")}
    assert commands <= ours
