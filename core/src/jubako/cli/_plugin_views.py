"""How plugins are shown: a table of all, a page of one, and data for JSON."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from jubako.cli._tables import format_table
from jubako.contracts.offers import Offer
from jubako.plugins import Composition, PluginReport, PluginStatus, kind_noun, names_of


def plugins_table(composition: Composition, width: int) -> str:
    """One row a plugin, and a paragraph for each that is not as it should be."""
    rows = [
        (report.name, f"{report.distribution} {report.version}", str(report.status), _summary(report))
        for report in composition.reports
    ]
    parts = [format_table(("PLUGIN", "DISTRIBUTION", "STATUS", "OFFERS"), rows, width)]
    parts += (
        _wrapped(f"{report.name}: {report.status}: {report.reason}. Do: {report.remedy}", width)
        for report in composition.reports
        if report.status is not PluginStatus.OK
    )
    builtin, *others = composition.reports
    parts += (_wrapped(f"{report.name}: {missing}", width) for report in others for missing in report.missing)
    parts += (_wrapped(line, width) for line in _optional_lines(builtin))
    return "\n\n".join(parts)


def plugin_page(report: PluginReport, composition: Composition, width: int) -> str:
    """Everything that is known of one plugin, with the traceback of its error."""
    facts = [
        ("distribution", f"{report.distribution} {report.version}"),
        ("installed in", report.candidate.location or "the core"),
        ("entry point", report.candidate.target),
        ("status", str(report.status)),
        *([("reason", report.reason), ("do", report.remedy)] if report.reason else []),
        ("loaded in", f"{report.load_s * 1000:.1f} ms"),
    ]
    parts = [format_table((report.name, ""), facts, width)]
    parts += ("\n".join(_offer_lines(offer, report, composition, width)) for offer in report.offers)
    if report.extend_application is not None:
        what = "asks when an application starts what is to be added to it: routes, middleware, observers"
        parts.append(f"extends applications\n{_wrapped(what, width, indent='  ')}")
    if report.place_runner is not None:
        what = "is asked where runners compute, on which devices and with how many threads"
        parts.append(f"places runners\n{_wrapped(what, width, indent='  ')}")
    if report.traceback:
        parts.append(report.traceback.rstrip())
    return "\n\n".join(parts)


def plugin_data(report: PluginReport, composition: Composition) -> dict[str, Any]:
    """The same as JSON-like data."""
    return {
        "name": report.name,
        "distribution": report.distribution,
        "version": report.version,
        "location": report.candidate.location,
        "entry_point": report.candidate.target,
        "status": str(report.status),
        "reason": report.reason,
        "remedy": report.remedy,
        "traceback": report.traceback,
        "load_ms": round(report.load_s * 1000, 3),
        "extends_applications": report.extend_application is not None,
        "places_runners": report.place_runner is not None,
        "offers": [_offer_data(offer, report, composition) for offer in report.offers],
    }


def _offer_data(offer: Offer, report: PluginReport, composition: Composition) -> dict[str, Any]:
    return {
        "kind": kind_noun(offer),
        "name": offer.name,
        "aliases": list(names_of(offer)[1:]),
        "summary": offer.summary,
        "requires": list(offer.requires),
        "missing": [name for missing in report.missing if missing.offer is offer for name in missing.imports],
        "is_usable": composition.is_usable(offer),
    }


def _summary(report: PluginReport) -> str:
    by_kind = defaultdict(list)
    for offer in report.offers:
        by_kind[kind_noun(offer)].append(offer.name)
    words = [f"{noun} {', '.join(names)}" for noun, names in by_kind.items()]
    if report.extend_application is not None:
        words.append("extends applications")
    if report.place_runner is not None:
        words.append("places runners")
    return "; ".join(words)


def _optional_lines(builtin: PluginReport) -> Iterator[str]:
    """What the core could do beside, for each package that is not installed: no fault of the installation."""
    by_imports = defaultdict(list)
    for missing in builtin.missing:
        by_imports[missing.imports].append(missing.offer.name)
    for imports, names in by_imports.items():
        yield f"optional: {', '.join(imports)} for {', '.join(names)}"


def _offer_lines(offer: Offer, report: PluginReport, composition: Composition, width: int) -> Iterator[str]:
    names = names_of(offer)
    also = f" (also {', '.join(names[1:])})" if names[1:] else ""
    yield f"{kind_noun(offer)} {offer.name}{also}"
    yield _wrapped(offer.summary, width, indent="  ")
    if offer.requires:
        yield _wrapped(f"needs {', '.join(offer.requires)}", width, indent="  ")
    for missing in report.missing:
        if missing.offer is offer:
            yield _wrapped(f"not installed: {', '.join(missing.imports)}; do: {missing.install_command}", width, "  ")
    if not composition.is_usable(offer):
        yield "  cannot be used"


def _wrapped(text: str, width: int, indent: str = "") -> str:
    return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent or "  ", break_on_hyphens=False)
