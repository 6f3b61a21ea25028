"""The plugins: that all that are installed can be used."""

from __future__ import annotations

from collections.abc import Iterator

from jubako.contracts.command import CheckResult, CheckStatus
from jubako.contracts.offers import CommandType
from jubako.plugins import Composition, PluginReport, PluginStatus
from jubako.settings import Settings


def check(composition: Composition, settings: Settings, /) -> Iterator[CheckResult]:
    """Tell of each plugin that is not as it should be."""
    builtin, *others = composition.reports
    found = [result for report in others for result in _look(report, builtin)]
    names = ", ".join(composition.unmatched)
    if names:
        found.append(
            CheckResult(
                CheckStatus.WARN,
                f"No installed plugin is named {names}.",
                "correct plugins.allow and plugins.disable (JUBAKO_PLUGINS, JUBAKO_DISABLE_PLUGINS)",
            )
        )
    in_use = sum(report.status is PluginStatus.OK for report in others)
    yield CheckResult(CheckStatus.OK, f"{in_use} of {len(others)} installed plugins are in use.")
    yield from found


def _look(report: PluginReport, builtin: PluginReport) -> Iterator[CheckResult]:
    if report.status.is_fault:
        status = CheckStatus.WARN if report.status is PluginStatus.CONFLICT else CheckStatus.FAIL
        yield CheckResult(status, f"{report} is {report.status}: {report.reason}.", report.remedy)
    for missing in report.missing:
        yield CheckResult(CheckStatus.WARN, f"{report}: {missing}.", missing.install_command)
    groups = {
        offer.name.partition(".")[0] for offer in builtin.offers if isinstance(offer, CommandType) and "." in offer.name
    }
    for offer in report.offers:
        group, dot, _ = offer.name.partition(".")
        if isinstance(offer, CommandType) and dot and group not in groups:
            yield CheckResult(
                CheckStatus.WARN,
                f"{report} offers the command {offer.name!r}, and there is no group {group!r}.",
                f"report it to the authors of {report.distribution}; groups are {', '.join(sorted(groups))}",
            )
