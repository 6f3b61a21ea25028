from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako._documents import dump_yaml, parse_yaml, plain, structure, suggest
from jubako.errors import ConfigurationError, InvalidArgument, InvalidManifest

texts = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)


@given(value=json_values)
def test_what_is_written_is_read_back_equal(value):
    assert repr(parse_yaml(dump_yaml(value), "document")) == repr(value)


@given(text=st.text() | st.binary())
def test_any_text_is_read_or_refused_in_our_words(text):
    try:
        parse_yaml(text, "document")
    except InvalidManifest:
        pytest.fail("another class of errors was asked for")
    except ConfigurationError as error:
        assert str(error).startswith("document")  # noqa: PT017  # most texts are read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "jubako.yaml, line 3, column 1: .*\n.*'a' stands twice"),
        ("a: {b: 1, B: 2, b: 3}", "'b' stands twice"),
        ("1: a\n1.0: b", "stands twice"),
        ("a: !!python/object/apply:os.system ['id']", "os.system' is not allowed"),
        ("a: !local 1", "'!local' is not allowed"),
        ("!!map {a: 1}", "is not allowed"),
        ("a: !!str 1", "is not allowed"),
        ("base: &base {a: 1}\nother: {<<: *base}", "merge key '<<' is not allowed"),
        ("a: &a [*a]", r"Alias \*a stands for nothing, or for what contains it"),
        ("a: *b", "Alias"),
        ("? [1, 2]\n: 3", "A key is not a text"),
        ("- a\nb: 1", "line 2"),
        ("a: 2026-13-45", "month must be in 1..12"),
        ("a: " + "9" * 5000, "4300"),
        ("a: 0x" + "f" * 5000, "4300"),
        ("a: 0b" + "1" * 50_000, "4300"),
        ("a: 1:30", "line 1, column 4: .*\n.*1:30 would be a number in base 60; write it in quotes"),
        ("a: " + ":".join(["1"] * 400) + ".5", "base 60"),
        ("a: " + ":".join(["1"] * 100_000), "base 60"),
        ("[" + "1," * 200_001 + "]", "more than 200,000 values"),
        ("--- 1\n--- 2", "another document"),
        ("a: \x07", "control characters"),
        ("[" * 65 + "]" * 65, "more than 64 levels deep"),
        (b"\xff\xfe\x00", "jubako.yaml"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_place(text, message):
    with pytest.raises(ConfigurationError, match=message):
        parse_yaml(text, "jubako.yaml")


def test_a_document_that_grows_by_aliases_is_refused_at_once():
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    with pytest.raises(ConfigurationError, match="aliases stand for more than 10,000 values"):
        parse_yaml("\n".join(lines), "bomb.yaml")


def test_a_few_aliases_are_read():
    assert parse_yaml("a: &a [1, 2]\nb: *a\nc: *a", "x") == {"a": [1, 2], "b": [1, 2], "c": [1, 2]}


@pytest.mark.parametrize("text", ["[" * 200_000, "{a: " * 200_000, "- " * 200_000])
def test_a_document_that_is_very_deep_is_refused_at_once(text):
    with pytest.raises(ConfigurationError, match="levels deep"):
        parse_yaml(text, "deep.yaml")


def test_a_document_that_is_too_large_is_refused_unread():
    with pytest.raises(ConfigurationError, match=r"too large to be read: 11 bytes\.\nAt most 10"):
        parse_yaml("[" * 11, "large.yaml", max_bytes=10)


def test_an_empty_document_is_none():
    assert parse_yaml("", "x") is None
    assert parse_yaml("# nothing\n", "x") is None


def test_numbers_of_numpy_and_tuples_become_plain():
    value = {"score": np.float64(0.5), "count": np.int64(3), "pair": (1, np.str_("a")), "flag": True}
    converted = plain(value, "metadata")
    assert repr(converted) == repr({"score": 0.5, "count": 3, "pair": [1, "a"], "flag": True})


def test_a_copy_shares_nothing_with_its_original():
    value = {"list": [1]}
    copied = plain(value, "metadata")
    value["list"].append(2)
    assert copied == {"list": [1]}


def test_what_is_not_json_like_is_named_with_its_path():
    endless: list[Any] = []
    endless.append(endless)
    for value, message in (
        ({"a": [{"b": {1, 2}}]}, r"metadata\.a\[0\]\.b is of type set"),
        ({"a": {1: 2}}, r"metadata\.a has the key 1, which is not text"),
        (endless, "more than 64 levels deep"),
        ("\ud800", "half a character"),
        (np.zeros(2), "is of type ndarray"),
    ):
        with pytest.raises(InvalidArgument, match=message):
            plain(value, "metadata")


@attrs.frozen
class Server:
    port: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    hosts: tuple[str, ...] = ()
    timeout_s: float | None = None
    size: int = attrs.field(default=0, converter=int)


@attrs.frozen
class Document:
    name: str
    server: Server = attrs.field(factory=Server)
    mirrors: tuple[Server, ...] = ()
    named: Mapping[str, Server] = attrs.field(factory=dict)
    extra: Mapping[str, Any] = attrs.field(factory=dict)
    home: Path = Path()
    created: datetime | None = None
    either: int | str = 0


def test_records_are_made_with_the_records_inside_them():
    data = {
        "name": "a",
        "server": {"port": 2, "hosts": ["x"], "timeout_s": 3, "size": "7"},
        "mirrors": [{"port": 3}],
        "named": {"b": {"port": 4}},
        "extra": {"any": [1, None]},
        "home": "~/x",
        "either": "text",
    }
    document = structure(data, Document, "x")
    assert document == Document(
        "a", Server(2, ("x",), 3.0, 7), (Server(3),), {"b": Server(4)}, {"any": [1, None]}, Path("~/x"), None, "text"
    )
    assert type(document.server.timeout_s) is float


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "the key 'name' is missing"),
        ({"name": 1}, "name: expected text, not 1"),
        ({"name": None}, "name: expected text, not nothing"),
        ({"name": "a", "server": {"prot": 1}}, r"server: unknown key 'prot'. Did you mean 'port'\?"),
        ({"name": "a", "zzz": 1}, "unknown key 'zzz'. Known: created, either, extra"),
        ({"name": "a", 1: 1}, "unknown key 1"),
        ({"name": "a", "server": {"port": True}}, r"server\.port: expected a whole number, not True"),
        ({"name": "a", "server": {"port": "8080"}}, r"server\.port: expected a whole number, not '8080'"),
        ({"name": "a", "server": {"port": 0}}, "server: .*port"),
        ({"name": "a", "server": {"hosts": "abc"}}, r"server\.hosts: expected a list, not 'abc'"),
        ({"name": "a", "server": {"hosts": ["a", 1]}}, r"server\.hosts\[1\]: expected text, not 1"),
        ({"name": "a", "server": {"timeout_s": "1"}}, r"timeout_s: expected a number or nothing, not '1'"),
        ({"name": "a", "server": {"size": "x"}}, r"server: invalid literal"),
        ({"name": "a", "server": None}, "server: expected a mapping, not nothing"),
        ({"name": "a", "mirrors": [{}, 3]}, r"mirrors\[1\]: expected a mapping, not 3"),
        ({"name": "a", "mirrors": {"a": 1}}, "mirrors: expected a list, not a mapping"),
        ({"name": "a", "named": [1]}, "named: expected a mapping"),
        ({"name": "a", "named": {"b": {"port": 1.5}}}, r"named\['b'\]\.port: expected a whole number, not 1\.5"),
        ({"name": "a", "either": 1.5}, r"either: expected a whole number or text, not 1\.5"),
        ({"name": "a", "home": 3}, "home: expected text, not 3"),
        ([1], "It holds a list, not a mapping"),
        (None, "It holds nothing, not a mapping"),
    ],
)
def test_a_mistake_is_named_with_its_path(data, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        structure(data, Document, "jubako.yaml")
    assert str(caught.value).startswith("jubako.yaml cannot be used.\n")


def test_all_mistakes_are_named_at_once_in_the_class_that_was_asked_for():
    with pytest.raises(InvalidManifest, match=r"(?s)name: expected.*server\.port: expected.*unknown key 'x'"):
        structure({"name": 1, "server": {"port": "a"}, "x": 1}, Document, "y", error=InvalidManifest)


def test_times_are_read_from_text_and_from_yaml():
    @attrs.frozen
    class Stamp:
        at: datetime

    wanted = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    for text in ("at: '2026-01-02T03:04:05+00:00'", "at: 2026-01-02T03:04:05+00:00"):
        assert structure(parse_yaml(text, "x"), Stamp, "x") == Stamp(wanted)
    with pytest.raises(ConfigurationError, match="at: Invalid isoformat"):
        structure({"at": "yesterday"}, Stamp, "x")


def test_suggestions_name_the_nearest_or_all():
    assert suggest("prot", ["port", "host"]) == "Did you mean 'port'?"
    assert suggest("zzz", ["port", "host"]) == "Known: host, port."
    assert suggest("zzz", []) == "Known: none."
