"""Why processes end."""

from __future__ import annotations

import signal

import pytest

from jubako.serving.exits import Cause, cause_of_end


@pytest.mark.parametrize(
    ("status", "wanted", "cause"),
    [
        (0, None, Cause.EXITED),
        (1 << 8, None, Cause.FAILED),
        (signal.SIGSEGV, None, Cause.CRASHED),
        (signal.SIGABRT, None, Cause.CRASHED),
        (signal.SIGTERM, None, Cause.SIGNALLED),
        (signal.SIGKILL, None, Cause.OOM_SUSPECT),
        (signal.SIGKILL, Cause.SILENT, Cause.SILENT),
        (0, Cause.STOPPED, Cause.STOPPED),
        (None, None, Cause.UNKNOWN),
    ],
)
def test_a_status_tells_the_cause_unless_the_supervisor_wanted_the_end(status, wanted, cause):
    assert cause_of_end(status, wanted) is cause
