"""`jubako doctor`: looks at the installation, and says what to do about what is not as it should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import click

from jubako.cli._failures import coloured
from jubako.cli._help import examples
from jubako.cli._options import read_settings, settings_options
from jubako.cli._output import output_option, show
from jubako.cli._stdout import stdout_for_the_answer
from jubako.cli._tables import format_table
from jubako.contracts.command import CheckResult, CheckStatus
from jubako.contracts.offers import CheckType
from jubako.errors import JubakoError, NotFound
from jubako.plugins import Composition, PluginReport, compose
from jubako.settings import Settings

_COLOURS = {CheckStatus.OK: "green", CheckStatus.WARN: "yellow", CheckStatus.FAIL: "red"}


@attrs.frozen
class _Finding:
    """A result, and where it is from."""

    check: str
    plugin: str
    result: CheckResult


@click.command("doctor", epilog=examples("jubako doctor", "jubako doctor home plugins --json"))
@click.argument("names", nargs=-1, metavar="[CHECK]...")
@output_option("table", "json", "yaml")
@settings_options
@click.pass_context
def command(
    context: click.Context,
    /,
    names: tuple[str, ...],
    output: str,
    config: Path | None,
    strict_plugins: bool | None,
) -> None:
    """Look at the home, the stores, plugins, packages, limits and more; only at each CHECK that is named, if any is.

    Nothing is changed. The exit code is 1 if anything fails; a warning is none.
    """
    with stdout_for_the_answer():
        settings = read_settings(config, strict_plugins)
        # Judged by the check of plugins, which has more to say.
        composition = compose(attrs.evolve(settings.plugins, strict=False))
        offers = _chosen(composition, names)
        findings = [finding for offer in offers for finding in _look(offer, composition, settings)]
    data = {
        "findings": [_data(finding) for finding in findings],
        "counts": {str(status): count for status, count in _count(findings).items()},
    }
    failed = [finding for finding in findings if finding.result.status is CheckStatus.FAIL]
    show(
        data,
        output,
        lambda width: _table(findings, width),
        ids=lambda: (f"{finding.check}: {finding.result.found}" for finding in failed),
    )
    context.exit(1 if failed else 0)


def _chosen(composition: Composition, names: Sequence[str]) -> list[CheckType]:
    offers = composition.offers(CheckType)
    known = {offer.name for offer in offers}
    for name in names:
        if name not in known:
            raise NotFound(f"there is no check {name!r}.", why=f"Checks are {', '.join(sorted(known))}.")
    return [offer for offer in offers if not names or offer.name in names]


def _look(offer: CheckType, composition: Composition, settings: Settings) -> Iterator[_Finding]:
    """What a check finds; that it cannot look is a finding, too."""
    report = composition.provider(offer)
    try:
        for result in composition.resolve(offer, "check")(composition, settings):
            if not isinstance(result, CheckResult):
                raise TypeError(f"it gave {type(result).__name__} instead of CheckResult")
            yield _Finding(offer.name, report.name, result)
    except Exception as error:  # noqa: BLE001  # code of a plugin; told with its name
        yield _Finding(offer.name, report.name, _broken(error, report))


def _broken(error: Exception, report: PluginReport) -> CheckResult:
    words = error.message if isinstance(error, JubakoError) else f"{type(error).__name__}: {error}"
    remedy = (
        error.do
        if isinstance(error, JubakoError) and error.do
        else f"report it to the authors of {report.distribution}"
    )
    return CheckResult(CheckStatus.FAIL, f"The check itself failed: {' '.join(words.split())}", remedy)


def _count(findings: Sequence[_Finding]) -> dict[CheckStatus, int]:
    counted = Counter(finding.result.status for finding in findings)
    return {status: counted[status] for status in CheckStatus}


def _data(finding: _Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "plugin": finding.plugin,
        "status": str(finding.result.status),
        "found": finding.result.found,
        "do": finding.result.do or None,
    }


def _table(findings: Sequence[_Finding], width: int) -> str:
    rows = [(str(each.result.status), each.check, _words(each.result)) for each in findings]
    lines = format_table(("STATUS", "CHECK", "FOUND"), rows, width).splitlines()
    painted = [_painted(line) for line in lines]
    counts = ", ".join(f"{count} {status}" for status, count in _count(findings).items())
    return "\n".join([*painted, "", counts])


def _painted(line: str) -> str:
    word, space, rest = line.partition(" ")
    return coloured(word, _COLOURS[CheckStatus(word)]) + space + rest if word in set(CheckStatus) else line


def _words(result: CheckResult) -> str:
    return f"{result.found} Do: {result.do}" if result.do else result.found
