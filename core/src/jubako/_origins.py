"""The requests for which the code that runs now works; set at the edge, carried to replicas, written on log lines."""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple


class Origin(NamedTuple):
    """The request that a call, or a line of a log, comes from.

    Args:
        request_id: the id that the client was told, or gave.
        traceparent: what the client sent of its own trace (W3C Trace Context), as it came; empty if it sent none.
    """

    request_id: str = ""
    traceparent: str = ""


NO_REQUEST = Origin()

current_origins: ContextVar[tuple[Origin, ...]] = ContextVar("jubako_origins", default=())
"""One in an API worker that answers a request; in a replica, those of the batch that is computed; else none."""


def current_origin() -> Origin:
    """The request that is being answered; `NO_REQUEST` outside one."""
    origins = current_origins.get()
    return origins[0] if origins else NO_REQUEST
