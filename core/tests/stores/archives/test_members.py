"""The names that an archive may have, and what may not be beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.errors import InvalidArchive
from jubako.settings import ArchiveSettings
from jubako.stores.archives.members import Member, Members, check_name
from jubako.stores.archives.tar_headers import decode, encode, extend

GOOD = ["a", "a/b", "weights.bin", "deep/er/notes é.txt", "…", "a b", ".hidden", "a..b", "ab:c", "x" * 255, "日本語"]
BAD = {
    "/etc/passwd": "absolute",
    "C:/x": "absolute",
    "c:x": "absolute",
    "../x": "leads out",
    "a/../b": "leads out",
    "..": "leads out",
    "a\\b": "backslash",
    "a\nb": "control",
    "a\0": "control",
    "a\x7f": "control",
    "a\x85b": "control",
    "": "empty part",
    "a//b": "empty part",
    "a/": "empty part",
    "./a": "empty part",
    "a/./b": "empty part",
    "x" * 256: "too long",
    "é" * 128: "too long",
    "/".join(["x" * 100] * 11): "too long",
}


@pytest.mark.parametrize("name", GOOD)
def test_names_that_stay_inside_are_taken(name):
    check_name("archive", name)


@pytest.mark.parametrize(("name", "words"), BAD.items(), ids=lambda text: repr(text)[:20])
def test_names_that_do_not_are_refused_and_named(name, words):
    with pytest.raises(InvalidArchive, match=words) as caught:
        check_name("x.bento", name)
    assert str(caught.value).startswith(f"x.bento is refused: its member {name[:120]!r} ")
    assert "nothing of this one was stored" in str(caught.value)


@given(st.text())
def test_whatever_is_taken_stays_inside_its_folder(name):
    try:
        check_name("archive", name)
    except InvalidArchive:
        return
    place = Path("/staging")
    assert (place / name).resolve().is_relative_to(place)
    assert (place / name) != place


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (Member("a", 1), Member("a", 1), "twice"),
        (Member("a/Readme", 1), Member("a/README", 1), "twice"),
        (Member("é", 1), Member("é", 1), "twice"),
        (Member("straße", 1), Member("STRASSE", 1), "twice"),
        (Member("a", 0, is_folder=True), Member("A", 0, is_folder=True), "twice"),
        (Member("a", 1), Member("a/b", 1), "lies in a file"),
        (Member("A", 1), Member("a/b/c", 1), "lies in a file"),
        (Member("a/b", 1), Member("a", 1), "is a file and a folder"),
        (Member("a", 0, is_folder=True), Member("a", 1), "is a file and a folder"),
        (Member("a", 1), Member("a", 0, is_folder=True), "is a file and a folder"),
    ],
)
def test_members_that_cannot_be_beside_each_other_are_refused(first, second, words):
    members = Members("x.zip", None)
    members.add(first)
    with pytest.raises(InvalidArchive, match=words):
        members.add(second)


def test_folders_may_be_named_before_and_after_what_is_in_them():
    members = Members("x.zip", None)
    for member in (Member("a", 0, is_folder=True), Member("a/b", 1), Member("c/d", 1), Member("c", 0, is_folder=True)):
        members.add(member)


@given(
    st.lists(st.text("abcdefgé.-", min_size=1, max_size=120), min_size=1, max_size=8).map("/".join),
    st.integers(0, 2**50),
    st.booleans(),
)
def test_a_header_says_what_was_put_in_it(name, size_bytes, is_executable):
    blocks = encode(Member(name, size_bytes, is_executable=is_executable))
    assert len(blocks) % 512 == 0
    header = decode(blocks[:512], "x.tar")
    if header.kind == "extended":
        header = extend(decode(blocks[-512:], "x.tar"), blocks[512 : 512 + header.size_bytes], "x.tar")
    assert (header.kind, header.name, header.size_bytes, header.is_executable) == (
        "file",
        name,
        size_bytes,
        is_executable,
    )


def test_folders_that_are_only_named_count_as_members():
    members = Members("x.zip", ArchiveSettings(max_members=1000))
    members.add(Member("1/" + "a/" * 500 + "x", 0))
    with pytest.raises(InvalidArchive, match=r"it has more than 1,000 members and folders(.|\n)*max_members"):
        members.add(Member("2/" + "a/" * 500 + "x", 0))
    members = Members("x.zip", ArchiveSettings(max_members=3))
    for name in ("a/b", "a/c"):
        members.add(Member(name, 0))
