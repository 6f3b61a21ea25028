"""The installed packages: that their versions are those that Jubako and its plugins ask for."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from jubako.contracts.command import CheckResult, CheckStatus
from jubako.plugins import Composition
from jubako.settings import Settings


def check(composition: Composition, _: Settings, /) -> Iterator[CheckResult]:
    """Compare what each distribution asks for with what there is; of extras, only what is installed."""
    distributions = tuple(dict.fromkeys(report.distribution for report in composition.reports))
    found = [result for distribution in distributions for result in check_distribution(distribution)]
    yield from found or [CheckResult(CheckStatus.OK, f"What {' and '.join(distributions)} need is installed.")]


def check_distribution(distribution: str) -> Iterator[CheckResult]:
    """Give a failure for each package that is missing, or of a version that is not asked for.

    Args:
        distribution: the name; of one that is not installed there is nothing to say.
    """
    try:
        asked = [Requirement(text) for text in requires(distribution) or ()]
    except PackageNotFoundError:
        return
    for requirement in asked:
        is_optional = requirement.marker is not None and "extra" in str(requirement.marker)
        if not is_optional and requirement.marker is not None and not requirement.marker.evaluate():
            continue
        installed = _version_of(requirement.name)
        if installed is None and is_optional:
            continue
        if installed is None or not requirement.specifier.contains(installed, prereleases=True):
            wanted = f"{requirement.name}{requirement.specifier}"
            state = "is not installed" if installed is None else f"is {installed}"
            yield CheckResult(
                CheckStatus.WARN if is_optional else CheckStatus.FAIL,
                f"{distribution} needs {wanted}; {requirement.name} {state}.",
                f"pip install '{wanted}'",
            )


def _version_of(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
