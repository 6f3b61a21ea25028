"""What the request that is being served hands on to the runner calls that it makes: its deadline and its id."""

from __future__ import annotations

from contextvars import ContextVar

call_deadline: ContextVar[float | None] = ContextVar("jubako_call_deadline", default=None)
"""On the clock of `time.monotonic()`, in seconds; None outside a request. Set by the server for each request."""

call_request_id: ContextVar[str] = ContextVar("jubako_call_request_id", default="")
"""Empty outside a request. Set by the server for each request; replicas name it where a call fails."""
