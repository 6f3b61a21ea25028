"""Running the command line in this process."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from jubako.cli import main


@pytest.fixture
def jubako(tmp_path, monkeypatch):
    """Return a function that runs `jubako` with arguments, in an empty home and with a terminal of 100 columns."""
    monkeypatch.setenv("JUBAKO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments, **environment):
        return CliRunner().invoke(main, arguments, prog_name="jubako", env=environment)

    return run
