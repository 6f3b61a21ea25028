"""A hook enters whole: with its documents, an example that runs, the class that checks it, and a test."""

from __future__ import annotations

import inspect
import re
import textwrap

import pytest

import jubako
import jubako.testing
from jubako.contracts import hookspecs
from jubako.contracts.offers import Offer
from jubako.plugins import Candidate, PluginStatus, compose, extend_application
from jubako.settings import PluginSettings


def hooks() -> dict[str, str]:
    """Names of all hooks, with their docstrings."""
    return {
        name: inspect.getdoc(function) or ""
        for name, function in vars(hookspecs).items()
        if inspect.isfunction(function) and hasattr(function, f"{hookspecs.PROJECT}_spec")
    }


def example_of(documentation: str) -> str:
    _, _, rest = documentation.partition("Example::\n")
    lines = rest.splitlines()
    end = next((i for i, line in enumerate(lines) if line and not line.startswith(" ")), len(lines))
    return textwrap.dedent("\n".join(lines[:end]))


def test_there_are_hooks():
    assert "jubako_register_runner_types" in hooks()


@pytest.mark.parametrize("name", sorted(hooks()))
def test_the_docstring_of_a_hook_says_what_an_author_needs(name):
    documentation = hooks()[name]
    assert re.search(r"\bCalled (once|each|when)", documentation), "when is it called?"
    assert re.search(r"\b(put together|run by phase|first|wins)\b", documentation), "how do results combine?"
    assert re.search(r"\b[Ee]mpty answer\b|\bNone\b", documentation), "what does an empty answer mean?"
    assert re.search(r"\bSince \d+\.\d+\.", documentation), "since when does it exist?"
    checked_by = re.search(r"Checked by `jubako\.testing\.(\w+)`", documentation)
    assert checked_by, "which class checks it?"
    assert inspect.isclass(getattr(jubako.testing, checked_by[1]))


@pytest.mark.parametrize("name", sorted(hooks()))
def test_the_example_of_a_hook_is_a_plugin_that_works(name, tmp_path, monkeypatch):
    module = f"jubako_example_of_{name}"
    (tmp_path / f"{module}.py").write_text(example_of(hooks()[name]), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    candidate = Candidate(name="example", target=module, distribution="jubako-example", version="1.0")
    composition = compose(candidates=[candidate], settings=PluginSettings(strict=True))
    (report,) = [report for report in composition.reports if report.candidate == candidate]
    assert report.status is PluginStatus.OK, report.reason
    if name == "jubako_extend_application":
        (extended,) = extend_application(composition, jubako.Service("echo"))
        assert extended.extensions, extended.fault
    elif name == "jubako_place_runner":
        assert report.place_runner is not None
    else:
        assert report.offers
    assert all(isinstance(offer, Offer) for offer in report.offers)


@pytest.mark.parametrize("name", sorted(hooks()))
def test_a_hook_has_a_section_in_the_documents(root, name):
    page = (root / "docs" / "plugins.md").read_text(encoding="utf-8")
    section = re.search(rf"^### `{name}`\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    assert section, f"docs/plugins.md has no heading ### `{name}`"
    assert "```python" in section[1], "the section has no example"
