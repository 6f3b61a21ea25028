"""No test that runs every time fails because the machine is slow: none measures time, none has little patience."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# These measure, and are asked for by name.
MEASURING = ("tests/containers", "tests/faults", "tests/page")
CLOCKS = {"monotonic", "perf_counter", "process_time", "thread_time", "time"}
WAITS = {"wait_for", "timeout", "join", "wait", "result", "settimeout", "communicate", "run", "create_connection"}
LITTLE_S = 30


def find_haste(tree: ast.AST) -> list[int]:
    """Lines of upper bounds on measured time, and of waits for a few seconds whose end is not what is expected."""
    expected = {
        id(inner)
        for block in ast.walk(tree)
        if isinstance(block, ast.With | ast.AsyncWith)
        and any(name in ast.unparse(item) for item in block.items for name in ("raises", "suppress"))
        for inner in ast.walk(block)
    }
    found = []
    for node in ast.walk(tree):
        is_bound = isinstance(node, ast.Compare) and _is_bound_on_time(node)
        is_wait = isinstance(node, ast.Call) and id(node) not in expected and _is_short_wait(node)
        if is_bound or is_wait:
            found.append(node.lineno)
    return found


def _is_bound_on_time(node: ast.Compare) -> bool:
    is_upper = any(isinstance(operator, ast.Lt | ast.LtE) for operator in node.ops)
    return (
        is_upper and isinstance(node.left, ast.BinOp) and isinstance(node.left.op, ast.Sub) and _reads_clock(node.left)
    )


def _reads_clock(node: ast.AST) -> bool:
    return any(
        isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in CLOCKS
        for call in ast.walk(node)
    )


def _is_short_wait(node: ast.Call) -> bool:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name not in WAITS:
        return False
    # `timeout(5)` and `join(5)`, `wait_for(task, 5)`, `run(command, timeout=5)`.
    numbers = [keyword.value for keyword in node.keywords if keyword.arg == "timeout"]
    if name != "run":
        numbers += node.args[1:2] if name == "wait_for" else node.args[:1]
    return any(
        isinstance(number, ast.Constant) and type(number.value) in (int, float) and 1 <= number.value < LITTLE_S
        for number in numbers
    )


def test_no_test_of_every_run_is_in_haste():
    hasty = []
    for folder in (ROOT / "core" / "tests", ROOT / "tests", *ROOT.glob("plugins/*/tests")):
        for path in sorted(folder.rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(MEASURING):
                hasty += [f"{name}:{line}" for line in find_haste(ast.parse(path.read_text()))]
    assert not hasty, "wait for 60 seconds, and let what is wrong last longer; or count work, not time"


@pytest.mark.parametrize(
    ("text", "is_hasty"),
    [
        ("assert time.monotonic() - started < 2.0", True),
        ("assert loop.time() - began >= 1.0", False),
        ("assert time.monotonic() < end", False),
        ("await asyncio.wait_for(event.wait(), 5)", True),
        ("await asyncio.wait_for(event.wait(), 60)", False),
        ("async with asyncio.timeout(10): pass", True),
        ("thread.join(timeout=20)", True),
        ("', '.join(words)", False),
        ("subprocess.run(command, timeout=10)", True),
        ("with pytest.raises(TimeoutError):\n    process.wait(2)", False),
    ],
)
def test_haste_is_found(text, is_hasty):
    text = f"async def test():\n    {text.replace(chr(10), chr(10) + '    ')}"
    assert bool(find_haste(ast.parse(text))) is is_hasty
