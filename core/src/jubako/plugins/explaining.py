"""The errors of a composition: why a name cannot be used, which plugin is to blame, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from jubako.contracts.offers import Offer
from jubako.errors import MissingDependency, OfferNotFound, PluginConflict, PluginError
from jubako.plugins.first_party import distribution_of_import, distribution_offering, first_party_names
from jubako.plugins.kinds import NOUNS, kind_noun
from jubako.plugins.loading import disabling
from jubako.plugins.report import PluginReport, PluginStatus

_NOT_LOADED = {
    PluginStatus.DISABLED: "is disabled",
    PluginStatus.INCOMPATIBLE: "does not fit this version of Jubako",
    PluginStatus.FAILED: "could not be loaded",
    PluginStatus.CONFLICT: "was not loaded",
}


def describe(offer: Offer) -> str:
    """An offer in a sentence, such as `runner type 'toy'`."""
    return f"{kind_noun(offer)} {offer.name!r}"


def explain_absence(
    kind: type[Offer], name: str, known: Iterable[str], reports: Sequence[PluginReport]
) -> OfferNotFound:
    """The error for a name that no loaded plugin offers."""
    noun = NOUNS[kind]
    idle = [report for report in reports if report.status in _NOT_LOADED and not report.offers]
    for report in idle:
        if _may_offer(report, kind, name):
            return OfferNotFound(
                f"{noun} {name!r} cannot be used.",
                why=f"The plugin {report}, which is likely to offer it, {_NOT_LOADED[report.status]}: {report.reason}.",
                do=report.remedy,
            )
    distribution = distribution_offering(kind, name)
    if distribution and all(report.distribution != distribution for report in reports):
        return OfferNotFound(
            f"{noun} {name!r} cannot be used.",
            why=f"It comes with {distribution}, which is not installed.",
            do=f"pip install {distribution}",
        )
    names = sorted(known)
    why = f"Known are {', '.join(names)}." if names else f"No plugin that offers a {noun} is installed."
    if idle:
        why += " Not loaded: " + "; ".join(f"{report}: {report.reason}" for report in idle) + "."
    near = difflib.get_close_matches(name, {*names, *first_party_names(kind)}, n=1)
    return OfferNotFound(
        f"there is no {noun} {name!r}.",
        why=why,
        do=f"did you mean {near[0]!r}?" if near else "correct the name, or install a plugin that offers it",
    )


def explain_conflict(kind: type[Offer], name: str, reports: Sequence[PluginReport]) -> PluginConflict:
    """The error for a name that several plugins offer."""
    return PluginConflict(
        f"{NOUNS[kind]} {name!r} cannot be used.",
        why=f"It is offered by {' and by '.join(map(str, reports))}.",
        do="disable one of them: " + " or ".join(disabling(report.candidate) for report in reports),
    )


def explain_missing(offer: Offer, report: PluginReport, imports: Sequence[str]) -> MissingDependency:
    """The error for an offer whose packages are not installed."""
    one = len(imports) == 1
    return MissingDependency(
        f"{describe(offer)} cannot be used.",
        why=f"It is offered by {report}, which needs the package{'' if one else 's'} "
        f"{', '.join(map(repr, imports))}; {'that is' if one else 'these are'} not installed.",
        do="pip install " + " ".join(dict.fromkeys(map(distribution_of_import, imports))),
    )


def explain_unresolved(offer: Offer, field: str, report: PluginReport, error: BaseException) -> PluginError:
    """The error for a text reference of an offer that cannot be loaded."""
    return PluginError(
        f"{describe(offer)} cannot be used.",
        why=f"Its {field}, {getattr(offer, field)!r} of {report}, raised {type(error).__name__}: {error}",
        do=f"report it to the authors of {report.distribution}",
    )


def explain_faults(reports: Sequence[PluginReport]) -> PluginError:
    """The error of strict composing: every plugin that cannot be used as it is."""
    return PluginError(
        f"{len(reports)} of the installed plugins cannot be used, and strict loading was asked for.",
        why=" ".join(f"{report} ({report.status}): {report.reason}." for report in reports),
        do="; ".join(dict.fromkeys(report.remedy for report in reports)),
    )


def _may_offer(report: PluginReport, kind: type[Offer], name: str) -> bool:
    """True if the names alone suggest it: nothing else is known of a plugin that was not loaded."""
    distribution = distribution_offering(kind, name)
    return report.distribution == distribution or report.name == name or report.name.startswith(f"{name}_")
