"""`Readiness`: whether an application should get requests, and if not, why."""

from __future__ import annotations

from jubako.contracts.backend import Backend
from jubako.server.thread_pool import ThreadPool


class Readiness:
    """Collects what readiness depends on; asked on the event loop, never calls a model.

    Args:
        threads: the pool of sync functions.

    Attributes:
        backend: of the service's runners; None if it has none.
        has_started: True from the end of the start to the beginning of the stop.
        is_draining: True once the server stops.
    """

    def __init__(self, threads: ThreadPool) -> None:
        self._threads = threads
        self.backend: Backend | None = None
        self.has_started = False
        self.is_draining = False

    def reasons(self) -> tuple[str, ...]:
        """Why the application is not ready, for people; empty if it is."""
        reasons: list[str] = []
        if not self.has_started:
            reasons.append("The application has not started.")
        if self.is_draining:
            reasons.append("The server is stopping.")
        if self._threads.is_stuck:
            reasons.append("Every thread for sync functions runs a call that has timed out.")
        if self.backend is not None:
            reasons += [
                f"Runner {status.name!r} is not ready. {status.reason}".strip()
                for status in self.backend.statuses()
                if not status.is_ready
            ]
        return tuple(reasons)
