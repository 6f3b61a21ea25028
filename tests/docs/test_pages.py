"""Every Python block and every shell block of the documents runs, and prints what the page says it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT)
    for pattern in ("README.md", "docs/**/*.md", "core/README.md", "plugins/*/README.md", "examples/**/README.md")
    for path in ROOT.glob(pattern)
)


def with_its_needs(page: Path):
    """A page as a parameter, with the mark of the package that its first line says it needs."""
    needs = re.match(r"<!-- needs: (\w+) -->\n", (ROOT / page).read_text(encoding="utf-8"))
    return pytest.param(page, marks=[pytest.mark.needs(needs[1])] if needs else [], id=str(page))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", [with_its_needs(page) for page in PAGES])
def test_every_block_of_a_page_does_what_the_page_says(page, runner):
    runner.run_page((ROOT / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("<!-- not run: slow -->\n```bash\nls\n```", "say why"),
        ("<!-- not run: it takes very long -->\n```python\n1\n```", "cannot stand before"),
        ("<!-- skip: it takes very long -->\n```python\n1\n```", "no such key"),
        ("<!-- raises: KeyError -->\ntext\n```python\n1\n```", "right before a block"),
        ("  ```python\n  1\n  ```", "indented"),
        ("```python\n1\n", "no end"),
        ("# Title\n<!-- needs: torch -->\n```python\n1\n```", "no such key"),
    ],
)
def test_a_page_with_a_wrong_mark_is_refused(page, reason, blocks_of, page_error):
    with pytest.raises(page_error, match=reason):
        blocks_of(page)


@pytest.mark.parametrize(
    "page",
    [
        "```python\n1 / 0\n```",
        "<!-- raises: KeyError -->\n```python\n1\n```",
        "```python\nprint(1)\n```\n<!-- prints -->\n```text\n2\n```",
        "```bash\nfalse\n```",
        "<!-- file: service.py -->\n```python\nimport no_such_module\n```",
    ],
)
def test_a_page_that_is_wrong_fails(page, runner, page_error):
    with pytest.raises(page_error):
        runner.run_page(page)


def test_blocks_share_names_files_and_what_they_printed(runner):
    runner.run_page(
        "<!-- file: four.py -->\n```python\nfour = 4\n```\n"
        "```python\nfrom four import four\n```\n"
        "```python\nprint(four, 'and more')\n```\n"
        "<!-- prints -->\n```text\n4 and ...\n```\n"
        "```bash\npython -c 'import four; print(four.four)'\n```\n"
        "<!-- prints -->\n```text\n4\n```\n"
    )


@pytest.mark.slow
def test_a_machine_without_curl_runs_the_same_pages(runner_without_curl):
    runner_without_curl.run_page((ROOT / "core" / "README.md").read_text(encoding="utf-8"))
    assert runner_without_curl.printed == '{"words":6}'


def test_a_page_has_the_mark_of_what_its_first_line_says_it_needs():
    (needs,) = with_its_needs(Path("plugins/torch_runner/README.md")).marks
    assert needs.args == ("torch",)
    assert not with_its_needs(Path("README.md")).marks
