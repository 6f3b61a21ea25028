"""`compose`: decide which plugins are loaded, load them, and settle what several of them claim."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from contextvars import ContextVar

import attrs

from jubako._version import __version__
from jubako.errors import PluginError
from jubako.plugins.composition import Composition, claims_of
from jubako.plugins.discovery import Candidate, discover
from jubako.plugins.explaining import explain_faults
from jubako.plugins.kinds import kind_noun, kind_of, names_of
from jubako.plugins.loading import disabling, load_plugin
from jubako.plugins.report import PluginReport, PluginStatus
from jubako.settings import PluginSettings

# The one name by which this floor reaches up: the built-ins are a plugin like any other (docs/decisions/0002).
BUILT_IN = Candidate(name="builtin", target="jubako.builtin", distribution="jubako", version=__version__)

SLOW_AFTER_S = 5.0
_logger = logging.getLogger(__name__)
_is_composing: ContextVar[bool] = ContextVar("is_composing", default=False)


def compose(
    settings: PluginSettings | None = None,
    *,
    candidates: Sequence[Candidate] | None = None,
    slow_after_s: float = SLOW_AFTER_S,
) -> Composition:
    """Load the built-in plugin and every other one that may be loaded; nothing is remembered between calls.

    What is allowed is decided before anything is imported. A plugin that fails costs itself only.

    Args:
        settings: which plugins are loaded; None means all that are installed.
        candidates: what is installed; None means `discover()`.
        slow_after_s: seconds after which a plugin that is still loading is named on stderr.

    Raises:
        PluginError: `settings.strict` and a plugin cannot be used; or a plugin composes while it is being loaded.
    """
    settings = PluginSettings() if settings is None else settings
    found = discover() if candidates is None else tuple(candidates)
    if _is_composing.get():
        raise PluginError(
            "a plugin cannot use other plugins while it is being loaded.",
            why="They may not have been loaded yet.",
            do="move the import to the module that does the work, which the plugin names by a text reference",
        )
    token = _is_composing.set(True)
    try:
        reports = _load_all(found, settings, slow_after_s)
    finally:
        _is_composing.reset(token)
    reports = _with_conflicts(reports)
    for report in reports:
        _logger.debug("plugin %s is %s, after %.0f ms", report, report.status, report.load_s * 1000)
    faults = [report for report in reports if report.status.is_fault]
    if settings.strict and faults:
        raise explain_faults(faults)
    listed = (*(settings.allow or ()), *settings.disable)
    unmatched = (name for name in listed if not any(candidate.is_named_by([name]) for candidate in found))
    return Composition(tuple(reports), unmatched=tuple(dict.fromkeys(unmatched)))


def _load_all(found: Sequence[Candidate], settings: PluginSettings, slow_after_s: float) -> list[PluginReport]:
    built_in = load_plugin(BUILT_IN, slow_after_s=slow_after_s, has_closed_kinds=True)
    if built_in.status is not PluginStatus.OK:
        raise PluginError(
            f"{BUILT_IN} cannot be used: {built_in.reason}.", why=built_in.traceback, do="reinstall jubako"
        )
    refusals = [_refusal(candidate, settings) for candidate in found]
    chosen = [BUILT_IN, *(candidate for candidate, refusal in zip(found, refusals, strict=True) if refusal is None)]
    reports = [built_in]
    for candidate, refusal in zip(found, refusals, strict=True):
        report = refusal or _name_conflict(candidate, chosen)
        reports.append(report or load_plugin(candidate, slow_after_s=slow_after_s))
    return reports


def _refusal(candidate: Candidate, settings: PluginSettings) -> PluginReport | None:
    if candidate.is_named_by(settings.disable):
        return PluginReport(
            candidate,
            PluginStatus.DISABLED,
            "the deny-list (JUBAKO_DISABLE_PLUGINS, plugins.disable) names it",
            f"take {candidate.name} off that list",
        )
    if settings.allow is not None and not candidate.is_named_by(settings.allow):
        return PluginReport(
            candidate,
            PluginStatus.DISABLED,
            "the allow-list (JUBAKO_PLUGINS, plugins.allow) does not name it",
            f"add {candidate.name} to that list",
        )
    return None


def _name_conflict(candidate: Candidate, chosen: Sequence[Candidate]) -> PluginReport | None:
    others = [other for other in chosen if other.name == candidate.name and other != candidate]
    if not others:
        return None
    remedy = (
        f"uninstall one of them, or disable one by its distribution: JUBAKO_DISABLE_PLUGINS={candidate.distribution}"
    )
    return PluginReport(
        candidate,
        PluginStatus.CONFLICT,
        f"its name is that of {' and of '.join(map(str, others))} too, so none of them was imported"
        if BUILT_IN not in others
        else "the built-in plugin has this name",
        remedy,
    )


def _with_conflicts(reports: Sequence[PluginReport]) -> list[PluginReport]:
    """Mark the plugins that offer a name which another one offers too; the built-in one keeps what it has."""
    claims = claims_of(reports)
    marked = [reports[0]]
    for report in reports[1:]:
        rivals: dict[str, list[PluginReport]] = defaultdict(list)
        for offer in report.offers:
            for name in names_of(offer):
                holders = [holder for _, holder in claims[kind_of(offer), name] if holder is not report]
                if holders:
                    rivals[f"{kind_noun(offer)} {name!r}"] += holders
        marked.append(_in_conflict(report, rivals) if rivals else report)
    return marked


def _in_conflict(report: PluginReport, rivals: dict[str, list[PluginReport]]) -> PluginReport:
    words = "; ".join(
        f"{name} is offered by {' and by '.join(map(str, holders))} too, and "
        + ("that one keeps it" if holders[0].candidate == BUILT_IN else "cannot be used until one is disabled")
        for name, holders in rivals.items()
    )
    return attrs.evolve(
        report,
        status=PluginStatus.CONFLICT,
        reason=f"{words}; whatever else it offers can be used",
        remedy=f"disable one of them: {disabling(report.candidate)}",
    )
