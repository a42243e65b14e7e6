"""README.md's quick start and its Python block, copied and pasted."""

import json
import os
import re
import subprocess
import sys
from typing import Any

from tests.e2e.processes import ROOT, demo_key


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def answers(text: str) -> list[Any]:
    """JSON values that stand one behind the other."""
    found = []
    while text := text.lstrip():
        value, end = json.JSONDecoder().raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def test_the_quick_start_works_by_copy_and_paste(up):
    running = up().wait_until_open()
    (lines,) = blocks("sh")
    pasted = lines.replace("the-key-that-up-printed", demo_key(running.printed))
    pasted = pasted.replace("http://127.0.0.1:8000", running.url)
    done = subprocess.run(["bash", "-e"], input=pasted, capture_output=True, text=True, timeout=30, check=True)
    depth, account, order, open_orders = answers(done.stdout)
    assert depth["bids"]
    assert account["balances"]
    assert order["status"] == "NEW"
    assert [each["orderId"] for each in open_orders] == [order["orderId"]]


def test_the_python_block_trades_from_another_directory(tmp_path):
    (program,) = blocks("python")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.splitlines() == ["SELL NEW", "BUY FILLED"], done.stderr
