"""The home of Jubako: that it can be written to, by nobody else, and has room."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from jubako.cli._progress import format_bytes
from jubako.contracts.command import CheckResult, CheckStatus
from jubako.plugins import Composition
from jubako.settings import Settings
from jubako.stores.private import is_open_to_others

_LOW_BYTES = 1_000_000_000


def check(_: Composition, settings: Settings, /) -> Iterator[CheckResult]:
    """Look at `stores.home`; one that is not there yet is looked at where it will be made."""
    home = settings.stores.home
    place = next(path for path in (home, *home.parents) if path.exists())
    if not place.is_dir():
        yield CheckResult(CheckStatus.FAIL, f"{place} is no folder.", "remove it, or set JUBAKO_HOME to a folder")
        return
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        yield CheckResult(
            CheckStatus.FAIL,
            f"{place} cannot be written to.",
            f"chown $USER {place}, or set JUBAKO_HOME to a folder of yours",
        )
    elif place == home:
        yield CheckResult(CheckStatus.OK, f"{home} can be written to.")
    else:
        yield CheckResult(CheckStatus.OK, f"{home} is not there yet, and can be made.")
    if place == home and is_open_to_others(home.stat()):
        yield CheckResult(
            CheckStatus.WARN,
            f"Others than you can write to {home}, and so change models.",
            f"chown $USER {home} && chmod go-w {home}",
        )
    yield _room(place)


def _room(place: Path) -> CheckResult:
    free = shutil.disk_usage(place).free
    if free < _LOW_BYTES:
        return CheckResult(
            CheckStatus.WARN,
            f"Only {format_bytes(free)} are free on the disk of {place}.",
            "make room, as with: jubako gc",
        )
    return CheckResult(CheckStatus.OK, f"{format_bytes(free)} are free on the disk of {place}.")
