"""Tests that need a package which is not there are skipped, and say so; those that `--needs` asks for never are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = """
import pytest

@pytest.mark.needs("no_such_package")
def test_with_what_is_missing():
    assert False

@pytest.mark.needs("numpy")
def test_with_numpy():
    pass

def test_with_nothing():
    pass
"""


@pytest.fixture
def outcome(tmp_path):
    """Return a function that runs these tests with some options, and returns the last lines that pytest writes."""
    (tmp_path / "test_some.py").write_text(TESTS)

    def run(*options: str) -> str:
        command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", ROOT / "pyproject.toml", *options]
        done = subprocess.run([*command, tmp_path], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        return done.stdout + done.stderr

    return run


def test_a_test_without_what_it_needs_is_skipped_and_says_who_runs_it(outcome):
    said = outcome()
    assert "2 passed, 1 skipped" in said
    assert "needs no_such_package; `--needs no_such_package` runs it in the environments that have it" in said


def test_asked_for_by_what_they_need_only_those_tests_run(outcome):
    assert "1 passed, 2 deselected" in outcome("--needs", "numpy")


def test_asked_for_what_is_missing_nothing_is_skipped_in_silence(outcome):
    assert "ERROR: --needs no_such_package: no_such_package is not installed" in outcome("--needs", "no_such_package")
