"""What is fuzzed of requests and command lines: bodies by every descriptor, tags."""

from __future__ import annotations

from pathlib import Path

from jubako.errors import (
    InvalidArgument,
)
from jubako.io import JSON, NumpyNdarray, Text
from jubako.values.tag import Tag
from tests.faults.trust.fuzz_target import JSON_TOKENS, Target

_TAGS = (
    b":",
    b"latest",
    b"..",
    b"/",
    b"\\",
    b"\0",
    b"\n",
    b"%2e",
    b"con",
    b" ",
    b"A",
    "\u202e".encode(),
    b"\xc3\xa9",
    b".",
)

_DESCRIPTORS = (
    JSON(),
    NumpyNdarray(),
    NumpyNdarray(dtype="float32", shape=(-1, 2), enforce_shape=True, enforce_dtype=True),
    NumpyNdarray(dtype="str"),
    NumpyNdarray(dtype="datetime64[s]"),
    Text(),
)


def _read_bodies(data: bytes, _: Path) -> object:
    outcomes = []
    for descriptor in _DESCRIPTORS:
        try:
            outcomes.append(type(descriptor.decode(data, "")).__name__)
        except InvalidArgument as error:
            # BadInput and what descends from it: 400, 413, 415.
            if not 400 <= error.error_code < 500:
                raise AssertionError(f"{error!r} would be answered with {error.error_code}") from error
            place = error.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            outcomes.append(f"{type(error).__name__} {place.tb_lineno if place else 0}")
    return tuple(outcomes)


def _read_tag(data: bytes, _: Path) -> None:
    text = data.decode("utf-8", "surrogateescape")
    tag = Tag.from_str(text)
    assert Tag.from_str(str(tag)) == tag
    if tag.is_exact:
        assert len(tag.path().parts) == 2
        assert ".." not in tag.path().parts


REQUESTS = (
    Target(
        "request bodies",
        lambda _: [b"[[1, 2.5], [3, 4]]", b'{"a": ["x", null]}', b'["2026-01-01"]'],
        _read_bodies,
        (),
        JSON_TOKENS,
    ),
    Target("tags", lambda _: [b"iris:v1", b"a.b-c_d", b"iris:latest"], _read_tag, (InvalidArgument,), _TAGS),
)
