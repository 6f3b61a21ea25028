"""`Target`: a reader of bytes that others may have written, and what makes inputs for it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

JSON_TOKENS = (
    *(b"[", b"]", b"{", b"}", b":", b",", b'"', b"null", b"true", b"NaN", b"-Infinity", b"1e400", b"-0", b"\\ud800"),
    *(
        b"\\u0000",
        b"\xff",
        b"9" * 400,
        b"[[[[[[[[",
        b'{"a":',
        b'"layout": "tree"',
        b'"layout": "bytes"',
        b"\xed\xa0\x80",
    ),
)


@attrs.frozen
class Target:
    """A reader.

    Args:
        name: for people.
        seeds: sound inputs, made in a folder; each has to be accepted, or nothing behind it would be reached.
        read: gives it an input, and returns what tells one way to accept it from another; may use the folder.
        documented: what it may raise.
        tokens: pieces that mean something to it.
        memory_mib: that it may take; 0 where only memory that is really used counts, for address space is promised.
        restructure: makes an input of another one whose parts still fit each other.
        planted: inputs that may be refused, and others are made of all the same.
    """

    name: str
    seeds: Callable[[Path], list[bytes]]
    read: Callable[[bytes, Path], object]
    documented: tuple[type[Exception], ...]
    tokens: tuple[bytes, ...] = ()
    memory_mib: int = 100
    restructure: Callable[[random.Random, bytes], bytes] | None = None
    planted: Callable[[Path], list[bytes]] = lambda _: []


def altered(draw: random.Random, value: Any) -> Any:
    """A JSON-like value with one of its parts exchanged, removed or doubled."""
    odd: list[Any] = [None, True, -1, 0, 2**31, 2**53, 1e308, "", "ndarray", "O", "<f8", "V8", "a", "t", [], {}, [[]]]
    if isinstance(value, list) and value and draw.random() < 0.85:
        at = draw.randrange(len(value))
        match draw.randrange(8):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return [*value[:at], value[at], *value[at:]]
            case _:
                return [*value[:at], altered(draw, value[at]), *value[at + 1 :]]
    if isinstance(value, dict) and value and draw.random() < 0.85:
        key = draw.choice(list(value))
        if draw.random() < 0.1:
            return {name: part for name, part in value.items() if name != key}
        return {**value, key: altered(draw, value[key])}
    return draw.choice(odd)
