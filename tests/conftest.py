"""Options of all tests that need several distributions."""

from __future__ import annotations

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
    group = parser.getgroup("page")
    group.addoption("--screenshots", type=Path, help="write pictures of the page to this folder")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples hypothesis tries, which tests take when they are imported; heed SIGHUP."""
    hypothesis.settings.load_profile("jubako-full" if config.getoption("--full-length") else "jubako")
    heed_signals()
