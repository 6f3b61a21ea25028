from __future__ import annotations

import re

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.errors import InvalidArgument
from jubako.values.tag import Tag

parts = st.from_regex(r"[a-z0-9]([-._a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
tags = st.builds(Tag, parts, st.none() | parts)
HOSTILE = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "a\\b",
    "/a",
    "a\n",
    "\na",
    "a\x00",
    "a\x00b",
    "%2e%2e",
    "a b",
    " a",
    "a ",
    ".a",
    "a.",
    "-a",
    "a-",
    "_a",
    "a_",
    "é",
    "\uff41",  # a full-width a
    "\u202ea",
    "\u212a",  # Kelvin sign, which lower() makes a k
    "\u0130",  # lower() makes two characters of it
    "a" * 64,
    "a" * 10_000,
    "a:b:c",
    "*",
    "~",
    "$HOME",
    "a;b",
]


@given(tag=tags)
def test_every_tag_is_read_back_from_its_text(tag):
    assert Tag.from_str(str(tag)) == tag
    assert hash(Tag.from_str(str(tag))) == hash(tag)


@given(text=st.text())
def test_any_text_is_a_tag_of_the_grammar_or_refused(text):
    if text != text.lower():
        return
    try:
        tag = Tag.from_str(text)
    except InvalidArgument:
        return
    assert str(tag) == text
    assert re.fullmatch(r"[a-z0-9._-]{1,63}(:[a-z0-9._-]{1,63})?", text)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_and_versions_are_refused(text):
    if text.count(":") < 2:
        with pytest.raises(InvalidArgument):
            Tag(text)
    with pytest.raises(InvalidArgument):
        Tag("a", text)
    with pytest.raises(InvalidArgument):
        Tag.from_str(f"{text}:a")
    with pytest.raises(InvalidArgument):
        Tag.from_str(f"a:{text}")


@pytest.mark.parametrize("wrong", [None, 3, b"a", ["a"]])
def test_only_text_makes_a_tag(wrong):
    with pytest.raises(InvalidArgument, match="is text, not"):
        Tag(wrong)
    with pytest.raises(InvalidArgument, match="written as text"):
        Tag.from_str(wrong)


def test_the_error_says_what_a_tag_is_made_of_and_shows_no_more_than_a_line():
    with pytest.raises(InvalidArgument, match="1 to 63 characters of a-z, 0-9") as caught:
        Tag("a" * 10_000)
    assert len(str(caught.value)) < 300


def test_a_colon_without_a_version_is_a_mistake():
    with pytest.raises(InvalidArgument, match="ends with a colon"):
        Tag.from_str("iris:")


def test_upper_case_is_lowered_with_a_warning_that_names_both():
    with pytest.warns(UserWarning, match=r"tag name 'Iris' is stored in lower case: 'iris'"):
        assert Tag("Iris") == Tag("iris")


def test_a_tag_never_changes():
    tag = Tag("iris", "v1")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        tag.version = "v2"


def test_a_tag_is_taken_as_it_is():
    tag = Tag("iris")
    assert Tag.from_taglike(tag) is tag
    assert Tag.from_taglike("iris:v1") == Tag("iris", "v1")


@given(left=tags, right=tags)
def test_tags_are_ordered_by_name_and_then_version_with_none_first(left, right):
    wanted = (left.name, left.version or "") < (right.name, right.version or "")
    assert (left < right) is wanted
    assert sum((left < right, left == right, left > right)) == 1


def test_a_tag_is_unequal_to_everything_else_and_not_ordered_with_it():
    assert Tag("iris") != "iris"
    with pytest.raises(TypeError):
        assert Tag("iris") < "iris"


@pytest.mark.parametrize(("version", "is_exact"), [(None, False), ("latest", False), ("v1", True)])
def test_only_a_version_that_is_not_latest_is_exact(version, is_exact):
    tag = Tag("iris", version)
    assert tag.is_exact is is_exact
    if is_exact:
        assert str(tag.path()) == "iris/v1"
    else:
        with pytest.raises(InvalidArgument, match="names no exact version"):
            tag.path()


milliseconds = st.integers(0, (1 << 48) - 1)
noise = st.integers(0, (1 << 32) - 1)


@given(first=st.tuples(milliseconds, noise), second=st.tuples(milliseconds, noise))
def test_versions_sort_by_the_time_they_were_made(first, second):
    versions = [Tag("iris").make_new_version(now_ms=now, random_bits=bits) for now, bits in (first, second)]
    assert (versions[0] < versions[1]) is (first < second)
    assert all(re.fullmatch(r"[0-9a-v]{16}", tag.version) for tag in versions)


def test_versions_made_at_once_differ():
    assert len({Tag("iris").make_new_version() for _ in range(1000)}) == 1000


def test_a_tag_with_a_version_gets_no_other():
    with pytest.raises(InvalidArgument, match="has a version already"):
        Tag("iris", "v1").make_new_version()


@pytest.mark.parametrize("text", ["a" * 10_000 + ":", "a" * 10_000, "a:" + "b" * 10_000, "*" * 10_000 + ":"])
def test_an_error_shows_only_the_beginning_of_a_long_text(text):
    with pytest.raises(InvalidArgument) as caught:
        Tag.from_str(text)
    assert len(str(caught.value)) < 300


def test_the_place_where_bentoml_notes_the_latest_version_is_named():
    assert str(Tag("iris", "v1").latest_path()) == str(Tag("iris").latest_path()) == "iris/latest"


def test_a_tag_shows_both_its_parts():
    assert repr(Tag("a", "v1")) == "Tag(name='a', version='v1')"
