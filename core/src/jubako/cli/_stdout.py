"""Keeping stdout for a command's own answer, whatever plugins and their libraries write meanwhile."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator

_STDOUT = 1
_STDERR = 2


@contextlib.contextmanager
def stdout_for_the_answer() -> Iterator[None]:
    """Send what anything in this process writes to stdout to stderr, until the block ends.

    Not only prints: native code, and programs that are started, write to the descriptor itself. For whole commands
    only, whose process is theirs; the library redirects prints and leaves a program's descriptors alone.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        # A stream that was closed when Python started is None, and its number may be another file's by now.
        if sys.__stdout__ is not None and sys.__stderr__ is not None:
            kept = os.dup(_STDOUT)
            stack.callback(os.close, kept)
            os.dup2(_STDERR, _STDOUT)
            stack.callback(os.dup2, kept, _STDOUT)
            stack.callback(_flush_native_buffers)
        yield


def _flush_native_buffers() -> None:
    # What C code has printed waits in a buffer of its own, and would leave for stdout when the process ends.
    with contextlib.suppress(OSError, TypeError, AttributeError):  # a system without such a library
        ctypes.CDLL(None).fflush(None)
