"""How many bytes a Python value takes with all that it holds: exact where it is small, estimated where it is large."""

from __future__ import annotations

from sys import getsizeof
from types import NoneType
from typing import Any

from jubako.contracts.payload import PayloadLookup

# Of these `getsizeof` says all.
_LEAVES = frozenset({bool, bytes, bytearray, complex, float, int, str, NoneType})
# Of a larger collection so many items are looked at, evenly spread.
_SAMPLE = 512
# So many items are looked at one by one; then a single one stands for each further collection.
_LOOKED_AT = 2048


def deep_size_bytes(value: Any, payloads: PayloadLookup) -> int:
    """The bytes of a value and of what it holds at any depth; arrays and frames as their payload types count them.

    Of large collections a sample is counted, so that no value takes longer than a few milliseconds. What several
    collections refer to counts for each of them, but no collection is opened twice.

    Args:
        value: any value.
        payloads: finds payload types.
    """
    total = 0.0
    left = _LOOKED_AT
    opened: set[int] = set()
    waiting: list[tuple[Any, float]] = [(value, 1.0)]
    while waiting:
        value, weight = waiting.pop()
        kind = type(value)
        if kind in _LEAVES:
            total += weight * getsizeof(value)
            continue
        # The two most frequent without a call: they make up the bodies of requests.
        if kind is dict:
            own_bytes, items = getsizeof(value), [*value, *value.values()]
        elif kind is list:
            own_bytes, items = getsizeof(value), value
        else:
            own_bytes, items = _opened(value, payloads)
        total += weight * own_bytes
        most = _SAMPLE if left > 0 else 1
        if len(items) > most:
            weight *= len(items)
            items = items[:: -(-len(items) // most)]
            weight /= len(items)
        if _LEAVES.issuperset(map(type, items)):
            total += weight * sum(map(getsizeof, items))
        elif id(value) not in opened:
            opened.add(id(value))
            left -= len(items)
            waiting += [(item, weight) for item in items]
    return int(total)


def _opened(value: Any, payloads: PayloadLookup) -> tuple[int, list[Any]]:
    """A value's own bytes, and what else it holds."""
    if isinstance(value, list | tuple | set | frozenset):
        return getsizeof(value), list(value)
    if isinstance(value, dict):
        return getsizeof(value), [*value, *value.values()]
    payload = payloads.for_value(value)
    if payload.is_batch(value):
        return payload.size_bytes(value), []
    attributes = getattr(value, "__dict__", None)
    # A class or a function does not go along with the call that names it.
    if isinstance(attributes, dict) and not callable(value):
        return getsizeof(value), list(attributes.values())
    return getsizeof(value), []
