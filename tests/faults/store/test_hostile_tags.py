"""Hostile text in the place of a tag: one grammar, wherever tags are taken, and nothing outside of the store moves."""

from __future__ import annotations

import contextlib
import itertools
import re
import warnings
from pathlib import Path

import click.testing
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import jubako
import jubako.bentos
import jubako.models
from jubako.cli import main
from jubako.errors import InvalidArgument, JubakoError, NotFound
from jubako.models import load_object, save_object
from jubako.services.targets import resolve_target
from jubako.values.tag import Tag
from tests.faults.store import homes

GRAMMAR = re.compile(r"[a-z0-9]([-._a-z0-9]{0,61}[a-z0-9])?(:[a-z0-9]([-._a-z0-9]{0,61}[a-z0-9])?)?")
BEFORE = (
    "",
    "../",
    "..\\",
    "/",
    "./",
    "~/",
    "%2e%2e%2f",
    "file:",
    "\ufeff",
    "\u202e",
    "-",
    "--",
    "@",
    "\\\\?\\",
    "other:../",
)
AFTER = (
    "",
    "\n",
    "\r\n",
    "\0",
    "\0.py",
    ".",
    "..",
    "/",
    "/..",
    "%00",
    ":",
    "::",
    ":latest:",
    "#",
    "?x=1",
    " ",
    "\u2028",
)
MIDDLE = (
    "",
    "other",
    "..",
    "con",
    "nul",
    "OTHER",
    "\u0131r\u0131s",
    "a" * 63,
    "a" * 64,
    "a" * 10_000,
    "*",
    "$(id)",
    "`id`",
    "a;b",
)

PLANTED = ["".join(parts) for parts in itertools.product(BEFORE, MIDDLE, AFTER)]
PLANTED += [f"other:{text}" for text in PLANTED]
# With lone surrogates, which names of files and arguments of commands can have.
anything = st.text(st.characters(exclude_categories=()), max_size=80)
planted = st.sampled_from(PLANTED)
hostile = (
    anything | planted | st.builds("{}:{}".format, planted, anything) | st.builds("{}{}".format, anything, planted)
)


class Aborted(Exception):
    """The block of `create` was entered."""


def create(text):
    with jubako.models.create(text):
        raise Aborted


ENTRIES = {
    "Tag.from_str": Tag.from_str,
    "models.get": jubako.models.get,
    "models.list": jubako.models.list,
    "models.delete": jubako.models.delete,
    "models.create": create,
    "save_object": lambda text: save_object(text, {"a": 1}, module="toy", serializers=("no such format",)),
    "load_object": lambda text: load_object(text, module="toy"),
    "bentos.get": jubako.bentos.get,
    "bentos.list": jubako.bentos.list,
    "bentos.delete": jubako.bentos.delete,
}


ENTRIES_OF_SERVICES = {
    "serve": lambda text, workspace: resolve_target(text, workspace=workspace, working_dir=Path()),
    "load": lambda text, _: jubako.load(text),
}


def tree(folder):
    return sorted((str(path), path.lstat().st_mtime_ns if path.is_file() else 0) for path in folder.rglob("*"))


@pytest.fixture(scope="module")
def hostile_home(tmp_path_factory):
    """A home, with files around it that no tag may reach."""
    folder = tmp_path_factory.mktemp("hostile")
    homes.make_home(folder / "home", folder / "context")
    for place in (
        "model.yaml",
        "secret/v1/model.yaml",
        "home/secret/v1/model.yaml",
        "home/models/.hidden/v1/model.yaml",
    ):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text("name: secret\n")
    return folder / "home"


@pytest.mark.row("hostile-tags")
@pytest.mark.quick
@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_takes_tags_of_the_grammar_and_refuses_all_other_text(entry, hostile_home, figures):
    before, tried, refused = tree(hostile_home.parent), 0, 0

    def ask(text):
        nonlocal tried, refused
        tried += 1
        is_tag = text.isascii() and GRAMMAR.fullmatch(text.lower())
        try:
            ENTRIES[entry](text)
        except InvalidArgument as error:
            assert not is_tag or "names no" in error.message or "has a version" in error.message, text  # noqa: PT017
            assert len(str(error)) < 1_000  # noqa: PT017
            refused += 1
        except (NotFound, JubakoError, Aborted):
            assert is_tag, text
        else:
            assert is_tag, text

    with homes.using(hostile_home), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "tag (name|version) .* is stored in lower case")
        for planted_text in PLANTED:
            ask(planted_text)
        given(text=hostile)(settings(suppress_health_check=[HealthCheck.too_slow])(ask))()
        assert jubako.models.list("iris")
    assert tree(hostile_home.parent) == before
    figures(**{f"{entry}: tried": tried, f"{entry}: refused": refused})


@pytest.mark.row("hostile-tags")
@pytest.mark.quick
@pytest.mark.parametrize("entry", ENTRIES_OF_SERVICES)
def test_a_target_is_found_or_refused_and_nothing_is_imported(entry, hostile_home, tmp_path, monkeypatch, figures):
    monkeypatch.chdir(tmp_path)
    before, tried = tree(hostile_home.parent), 0

    @given(text=hostile)
    @settings(suppress_health_check=[HealthCheck.too_slow])
    def ask(text):
        nonlocal tried
        tried += 1
        with warnings.catch_warnings(), contextlib.suppress(JubakoError):
            warnings.simplefilter("error")
            found = ENTRIES_OF_SERVICES[entry](text, workspace)
            # A module of the standard library is a target; that it holds no Service shows when it is imported.
            assert entry == "serve", text
            assert found.bento is None

    with homes.using(hostile_home) as workspace:
        ask()
    assert tree(hostile_home.parent) == before
    figures(**{f"{entry}: targets tried": tried})


@pytest.mark.row("hostile-tags")
@pytest.mark.quick
def test_a_command_refuses_hostile_tags_with_one_paragraph(hostile_home, monkeypatch, figures):
    before, tried = tree(hostile_home.parent), 0
    monkeypatch.setenv("JUBAKO_HOME", str(hostile_home))
    monkeypatch.setenv("JUBAKO_PLUGINS", "")
    context = str(hostile_home.parent / "context")

    @given(text=hostile)
    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
    def ask(text):
        nonlocal tried
        for arguments in (
            ["models", "trust", "--", text],
            ["build", "--service=service.py:svc", f"--model={text}", context],
            ["build", "--service=service.py:svc", f"--version={text}", "--model=missing", context],
        ):
            tried += 1
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "tag (name|version) .* is stored in lower case")
                result = click.testing.CliRunner().invoke(main, arguments)
            assert result.exit_code in (1, 2), (text, result.output)
            assert isinstance(result.exception, SystemExit), (text, result.exception)
            assert "Traceback" not in result.output

    ask()
    assert tree(hostile_home.parent) == before
    figures(**{"commands tried": tried})
