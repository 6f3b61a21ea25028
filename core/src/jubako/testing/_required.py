"""`required_name`: the attribute `name` of a contract's class, until a subclass sets it."""

from __future__ import annotations

from typing import Any


class _RequiredName:
    """Raises where it is read from a test, with what to write."""

    def __init__(self, noun: str) -> None:
        self.noun = noun

    def __get__(self, instance: object, owner: type) -> Any:
        # On the class itself it is looked at by whoever lists attributes, such as pytest.
        if instance is None:
            return self
        raise AssertionError(
            f'{owner.__name__} does not say which {self.noun} it tests: write name = "..." in the class'
        )


def required_name(noun: str) -> Any:
    """What to assign to `name` in a contract's class.

    Args:
        noun: what is named, such as `runner type`.
    """
    return _RequiredName(noun)
