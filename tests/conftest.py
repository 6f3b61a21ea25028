"""Options of all tests that need several distributions, and what becomes of those that need a package besides."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import pytest

from tests.harness.served import heed_signals

# The same examples each time, and no failure because the machine is busy.
hypothesis.settings.register_profile(
    "jubako", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
# Others each time, and many more of them.
hypothesis.settings.register_profile(
    "jubako-full", deadline=None, max_examples=2000, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what a full run of the tests of faults is asked for; pytest takes options from folders it is given only."""
    group = parser.getgroup("faults")
    group.addoption("--full-length", action="store_true", help="loads last as long as docs/reliability.md says")
    group.addoption("--figures", type=Path, help="append what was measured to this file, for tests.faults.report")
    group = parser.getgroup("needs")
    group.addoption("--needs", metavar="PACKAGE", help="only tests marked `needs(PACKAGE)`, none of which is skipped")
    group = parser.getgroup("page")
    group.addoption("--screenshots", type=Path, help="write pictures of the page to this folder")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples hypothesis tries, which tests take when they are imported; heed SIGHUP."""
    hypothesis.settings.load_profile("jubako-full" if config.getoption("--full-length") else "jubako")
    heed_signals()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests that need what is not installed, and say who runs them; with `--needs`, run those and no others."""
    package = config.getoption("--needs")
    if package:
        if missing_of([package]):
            raise pytest.UsageError(f"--needs {package}: {package} is not installed, so no test of it can run")
        others = [item for item in items if package not in needs_of(item)]
        items[:] = [item for item in items if package in needs_of(item)]
        config.hook.pytest_deselected(items=others)
    for item in items:
        if missing := missing_of(needs_of(item)):
            reason = f"needs {', '.join(missing)}; `--needs {missing[0]}` runs it in the environments that have it"
            item.add_marker(pytest.mark.skip(reason=reason))


def needs_of(item: pytest.Item) -> list[str]:
    """The packages that a test's marks say it needs."""
    return [package for mark in item.iter_markers("needs") for package in mark.args]


def missing_of(packages: Sequence[str]) -> list[str]:
    """Those that cannot be imported here; nothing is imported to find out."""
    return [package for package in packages if find_spec(package) is None]
