"""Attributes that a runner does not have, with errors that say why; `hasattr` tells that they are absent."""

from __future__ import annotations

from typing import Any

from jubako.errors import JubakoError


class AbsentAttribute(JubakoError, AttributeError):
    """A runner has no such attribute; a mistake in the service's code, whoever calls it."""


class AbsentName:
    """Stands for the name of a runner whose `__init__` did not call that of `Runner`."""

    def __get__(self, runner: object | None, owner: type) -> Any:
        """The descriptor itself for the class.

        Raises:
            AbsentAttribute: for a runner; one with a name of its own never gets here.
        """
        if runner is None:
            return self
        raise AbsentAttribute(
            f"a runner of class {owner.__name__} has no name.",
            why=f"{owner.__name__}.__init__ does not call super().__init__().",
            do="call super().__init__(name) first in it",
        )


class AbsentBatches:
    """Stands for `run_batch` and `async_run_batch` of a `SimpleRunner`."""

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn the method's name."""
        self._method = name

    def __get__(self, runner: object | None, owner: type) -> Any:
        """Refuse, as in the reference, wherever the call is made.

        Raises:
            AbsentAttribute: always.
        """
        raise AbsentAttribute(
            f"{owner.__name__} has no {self._method}.",
            why="A SimpleRunner takes one call at a time, and no batches.",
            do=f"call {self._method.removesuffix('_batch')}, or make it a jubako.Runner with _run_batch",
        )
