"""The clock: versions are ordered and certificates are judged by it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jubako.contracts.command import CheckResult, CheckStatus
from jubako.contracts.store import StoreKind
from jubako.plugins import Composition
from jubako.settings import Settings

# Jubako is younger, so no clock that is right shows less.
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
_TOLERANCE = timedelta(days=1)


def check(_: Composition, settings: Settings, /) -> Iterator[CheckResult]:
    """Compare it with what is known to be past."""
    yield check_time(datetime.now(UTC), settings.stores.home)


def check_time(now: datetime, home: Path) -> CheckResult:
    """Compare a time with the release of Jubako, and with the newest folder of a name in the stores.

    Args:
        now: with a time zone.
        home: of the stores; need not exist.
    """
    shown = now.strftime("%Y-%m-%d %H:%M UTC")
    remedy = "set the clock, as with NTP"
    if now < _EARLIEST:
        return CheckResult(CheckStatus.FAIL, f"The clock shows {shown}, which is long past.", remedy)
    newest = max(_changes(home), default=now)
    if newest > now + _TOLERANCE:
        return CheckResult(
            CheckStatus.WARN, f"The clock shows {shown}, and something was stored on {newest:%Y-%m-%d}.", remedy
        )
    return CheckResult(CheckStatus.OK, f"The clock shows {shown}.")


def _changes(home: Path) -> Iterator[datetime]:
    for kind in StoreKind:
        with contextlib.suppress(OSError), os.scandir(home / kind.value) as entries:
            for entry in entries:
                yield datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_mtime, UTC)
