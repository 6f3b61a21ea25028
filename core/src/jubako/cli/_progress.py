"""Bars for long work, on a terminal's stderr."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from jubako._progress import Advance, using_progress
from jubako.cli._verbosity import is_quiet, is_verbose

_logger = logging.getLogger(__name__)

# Often enough for the eye, and nothing beside the work.
_INTERVAL_S = 0.1
_BAR_WIDTH = 24
_SHORT_BAR_WIDTH = 8
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


@contextlib.contextmanager
def showing_progress() -> Iterator[None]:
    """Show a bar for each piece of work in this block, with bytes, rate and remaining time.

    Nothing with `--quiet`, where stderr is no terminal, or where that has no cursor. With `--verbose` a line for
    each piece that is done, also in a pipe.
    """
    if is_verbose():
        with using_progress(_logging):
            yield
    elif is_quiet() or sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield
    else:
        with using_progress(lambda label, total: _drawing(label, total, sys.stderr, time.monotonic)):
            yield


def progress_line(label: str, done: int, total: int | None, elapsed_s: float, width: int) -> str:
    """One line of at most `width` characters.

    Args:
        label: what is done; cut if there is no room.
        done: bytes.
        total: bytes; None if unknown: there is no bar then.
        elapsed_s: seconds since the work began.
        width: of the terminal.
    """
    rate = done / elapsed_s if elapsed_s > 0 else 0.0
    facts = f"{format_bytes(done)}  {format_bytes(int(rate))}/s"
    if total:
        # What grows while it is copied is at most done.
        share = min(done / total, 1.0)
        left = format_duration((total - done) / rate) if rate and done <= total else "-:--"
        moved = f"{share:4.0%}  {format_bytes(done)} of {format_bytes(total)}  {format_bytes(int(rate))}/s  {left}"
        facts = f"{_bar(share, _BAR_WIDTH)} {moved}"
        if len(label) + len(facts) + 3 > width:
            # What it is that is done says more than a long bar.
            facts = f"{_bar(share, _SHORT_BAR_WIDTH)} {moved}"
        if len(facts) + 12 > width:
            facts = f"{share:4.0%}  {left}"
    room = max(width - len(facts) - 3, 0)
    shown = label if len(label) <= room else f"{label[: max(room - 1, 0)]}…" if room else ""
    return f"{shown}  {facts}"[: max(width - 1, 1)]


def _bar(share: float, width: int) -> str:
    filled = int(share * width)
    return f"[{'#' * filled}{'.' * (width - filled)}]"


def format_bytes(count: int) -> str:
    """Bytes for people, in powers of 1000, such as `1.2 GB`."""
    amount = float(count)
    for unit in _UNITS:
        if amount < 999.95 or unit == _UNITS[-1]:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError  # the last unit takes everything


def format_duration(seconds: float) -> str:
    """Seconds as `0:07`, `12:34` or `1:02:03`."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


@contextlib.contextmanager
def _drawing(label: str, total: int | None, stream: TextIO, clock: Callable[[], float]) -> Iterator[Advance]:
    begun = clock()
    drawn = begun - _INTERVAL_S
    done = 0
    lock = threading.Lock()

    def advance(count: int) -> None:
        nonlocal done, drawn
        with lock:
            done += count
            now = clock()
            if now - drawn >= _INTERVAL_S:
                drawn = now
                line = progress_line(label, done, total, now - begun, shutil.get_terminal_size().columns)
                stream.write(f"\r\x1b[K{line}")
                stream.flush()

    advance(0)
    try:
        yield advance
    finally:
        # The line goes with the work: what stays is the command's answer.
        stream.write("\r\x1b[K")
        stream.flush()


@contextlib.contextmanager
def _logging(label: str, total: int | None) -> Iterator[Advance]:
    begun = time.monotonic()
    done = 0
    lock = threading.Lock()

    def advance(count: int) -> None:
        nonlocal done
        with lock:
            done += count

    yield advance
    _logger.debug("%s: %s in %.2f s", label, format_bytes(done), time.monotonic() - begun)
