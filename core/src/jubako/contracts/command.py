"""What `jubako doctor` asks, and what it gets for an answer."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Protocol

import attrs

from jubako.errors import InvalidArgument


class CheckStatus(StrEnum):
    """How a check came out, the best first."""

    OK = "ok"
    """As it should be."""
    WARN = "warn"
    """It works, and should be changed; or it may not work under all circumstances."""
    FAIL = "fail"
    """Something that Jubako does here will not work, or is not safe."""


def _needs_remedy(result: CheckResult, attribute: Any, do: str) -> None:
    if not do and result.status is not CheckStatus.OK:
        raise InvalidArgument(f"a check's result {result.status} needs what to do about {result.found!r}.")


@attrs.frozen
class CheckResult:
    """One thing that was looked at.

    Args:
        status: how it came out.
        found: what was found, one sentence without secrets.
        do: what to do about it; only needless if the status is `ok`.
    """

    status: CheckStatus = attrs.field(converter=CheckStatus)
    found: str = attrs.field(validator=attrs.validators.min_len(1))
    do: str = attrs.field(default="", validator=_needs_remedy)


class Check(Protocol):
    """Looks at the installation, and changes nothing."""

    def __call__(self, composition: Any, settings: Any, /) -> Iterable[CheckResult]:
        """Give what was found, one result for each thing that was looked at.

        Called by `jubako doctor`, and never while anything is served. It should take less than a second, and give
        the same answer as long as nothing has changed. What it raises is shown as a failure of its plugin.

        Args:
            composition: the `jubako.plugins.Composition` of all plugins that are installed.
            settings: the `jubako.settings.Settings` in force.
        """
        ...
