"""The deadline of the request that is being served, for the runner calls that it makes."""

from __future__ import annotations

from contextvars import ContextVar

call_deadline: ContextVar[float | None] = ContextVar("jubako_call_deadline", default=None)
"""On the clock of `time.monotonic()`, in seconds; None outside a request. Set by the server for each request."""
