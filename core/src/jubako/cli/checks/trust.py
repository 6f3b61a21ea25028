"""The list of trusted models: that nobody else could have written it."""

from __future__ import annotations

from collections.abc import Iterator

from jubako.contracts.command import CheckResult, CheckStatus
from jubako.errors import JubakoError
from jubako.plugins import Composition
from jubako.settings import Settings
from jubako.stores.trust import TrustStore


def check(_: Composition, settings: Settings, /) -> Iterator[CheckResult]:
    """Read it as loading does."""
    try:
        entries = TrustStore(settings.stores.home, settings.trust.digests).entries()
    except JubakoError as error:
        found = " ".join(part for part in (error.message, error.why) if part)
        yield CheckResult(CheckStatus.FAIL, found, error.do or "correct trust.digests")
        return
    of_file = sum(not entry.is_setting for entry in entries)
    yield CheckResult(
        CheckStatus.OK,
        f"Trusted to run code: {of_file} by jubako models trust, {len(entries) - of_file} by the settings.",
    )
