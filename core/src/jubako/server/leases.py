"""`Lease`: lets go of what a descriptor made for a request, once, when nobody uses it any more.

A sync function whose request has timed out still runs in its thread, and a body may still be decoded when its client
has left: whoever is last releases the value.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

_logger = logging.getLogger(__name__)

_NOTHING = object()


class Lease:
    """Counts who uses one value; its maker is the first. May be used from any thread.

    Args:
        release: called with the value when the last one has dropped it.
        post: how `release` is called: at once, or in a thread; None calls it at once.
        owner: whose value it is, for the log.
    """

    __slots__ = ("_holders", "_lock", "_owner", "_post", "_release", "_value")

    def __init__(
        self, release: Callable[[Any], None], post: Callable[[Callable[[Any], None], Any], None] | None, owner: str
    ) -> None:
        self._release = release
        self._post = post
        self._owner = owner
        self._lock = threading.Lock()
        self._holders = 1
        self._value: Any = _NOTHING

    def fill(self, value: Any) -> None:
        """Say what the value is, once; it is released at once if everybody has gone meanwhile."""
        with self._lock:
            self._value = value
            is_wanted = self._holders > 0
        if not is_wanted:
            self._let_go(value)

    def take(self) -> bool:
        """Use the value until `drop`; False if it has been released, and must not be used."""
        with self._lock:
            if self._holders:
                self._holders += 1
            return self._holders > 0

    def drop(self, *, in_thread: bool = False) -> None:
        """Use the value no longer.

        Args:
            in_thread: True in a thread that may block; False on the event loop.
        """
        with self._lock:
            self._holders -= 1
            is_over = self._holders == 0 and self._value is not _NOTHING
        if is_over and (in_thread or self._post is None):
            self._let_go(self._value)
        elif is_over and self._post is not None:
            self._post(self._let_go, self._value)

    def _let_go(self, value: Any) -> None:
        try:
            self._release(value)
        except Exception:
            # The request has been answered: nothing else can come of it.
            _logger.exception("the input of API %s was not released", self._owner)
