"""A server that is looked at before and after a fault."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from tests.faults.state import State, shared_memory
from tests.harness.served import Served

# A broken runner is tried again after up to 30 seconds; nothing else takes that long to heal.
HEALING_S = 45.0


@attrs.frozen
class Request:
    """A request that a healthy server answers with 200.

    Args:
        path: of the route.
        body: that it posts; None makes it a GET.
        media_type: of the body.
    """

    path: str
    body: str | None = None
    media_type: str = "application/json"


class Watched(Served):
    """`jubako serve` that has to be, in the end, as it was when it was ready.

    Args:
        folder: see `Served`.
        arguments: see `Served`.
        good: what it has to answer before and after; the readiness probe unless a test has something better.
        environment: see `Served`.

    Attributes:
        before: its state when it was ready and had answered the good request.
    """

    def __init__(self, folder: Path, *arguments: str, good: Request | None = None, **environment: str) -> None:
        self.good = good or Request("/readyz")
        self.before: State | None = None
        super().__init__(folder, *arguments, **environment)

    def wait_until_ready(self) -> int:
        """Wait for the address, ask once, and remember the state."""
        port = super().wait_until_ready()
        self.wait_until(self.is_good)
        self.before = self._settled()
        return port

    def is_good(self) -> bool:
        """Whether the good request is answered with 200."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            if self.good.body is None:
                return self.get(self.good.path)[0] == 200
            return self.post(self.good.path, self.good.body, self.good.media_type)[0] == 200
        return False

    def answer_to(self, path: str, value: object) -> Any:
        """What a route answers to a value, both of them JSON; anything but 200 is an error."""
        status, body = self.post(path, json.dumps(value), "application/json")
        assert status == 200, (body, self.text[-3000:])
        return json.loads(body)

    def seconds_until_good(self) -> float:
        """Ask until the good request is answered, and return how long that took."""
        began = time.monotonic()
        self.wait_until(self.is_good, HEALING_S)
        return time.monotonic() - began

    def check_healed(self) -> None:
        """Wait until it answers again and holds as much of the system as before."""
        assert self.before is not None, "the server was never ready"
        self.seconds_until_good()
        found: list[str] = []

        def is_as_before() -> bool:
            found[:] = State.of(self).differences(self.before)
            return not found

        with contextlib.suppress(AssertionError):
            self.wait_until(is_as_before, HEALING_S)
        assert not found, "\n".join([*found, self.text])

    def check_stops(self) -> None:
        """Stop it; the exit code has to be 0, and nothing may be left."""
        assert self.stop() == 0, self.text
        self.check_nothing_is_left()

    def check_nothing_is_left(self) -> None:
        """After its end: no process, no temporary file, no shared memory, and the port is free."""
        self.wait_until(lambda: not self.survivors())
        left = [path.name for path in self.temporary.iterdir()]
        assert not left, left
        if self.before is not None:
            self.wait_until(lambda: not shared_memory() - self.before.shared_memory, HEALING_S)
            self.wait_until_refused()

    def pids(self, name: str) -> list[int]:
        """Numbers of its processes whose name begins so: `jubako-replica`, `jubako-api-0`, `jubako-zygote`."""
        return self.processes(name)

    def replaced(self, name: str, *gone: int) -> None:
        """Wait until as many processes whose name begins so are there as before, and none of those that have gone."""
        assert self.before is not None, "the server was never ready"
        count = sum(count for each, count in self.before.processes.items() if each.startswith(name))
        self.wait_until(lambda: len(set(self.processes(name)) - set(gone)) >= count)

    def signal(self, number: int, *pids: int) -> None:
        """Send a signal to some of its processes; one that has gone is passed over."""
        for pid in pids:
            # 0 would mean the tests themselves.
            assert pid > 0
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _settled(self) -> State:
        # The process that answered the probe may still be closing its connection.
        state = State.of(self)
        while True:
            time.sleep(0.1)
            again = State.of(self)
            if again == state:
                return state
            state = again


Starter = Callable[..., Watched]
