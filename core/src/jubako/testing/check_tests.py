"""`CheckTests`: the contract of what `jubako doctor` looks at, for plugins' own tests."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from jubako.contracts.command import Check, CheckResult
from jubako.contracts.offers import CheckType
from jubako.plugins import Composition, compose
from jubako.settings import Settings, StoreSettings
from jubako.stores.digests import digest_folder
from jubako.testing._required import required_name


class CheckTests:
    """Subclass it as `TestX` and name the check.

    Attributes:
        name: the offer's name.
    """

    name: str = required_name("check")

    def settings(self, home: Path) -> Settings:
        """The settings that are looked at.

        Args:
            home: a folder to begin with, which is empty.
        """
        return Settings(stores=StoreSettings(home=home))

    @pytest.fixture
    def composition(self) -> Composition:
        """Everything that is installed."""
        return compose()

    @pytest.fixture
    def check(self, composition: Composition) -> Check:
        """The check of this name."""
        found: Check = composition.resolve(composition.find(CheckType, self.name), "check")
        return found

    def look(self, check: Check, composition: Composition, home: Path) -> list[CheckResult]:
        """Do it once."""
        return list(check(composition, self.settings(home)))

    def test_it_gives_results(self, check: Check, composition: Composition, tmp_path: Path) -> None:
        results = self.look(check, composition, tmp_path)
        assert results, "say so with status ok if all is as it should be"
        assert all(isinstance(result, CheckResult) for result in results)

    def test_every_finding_is_a_sentence(self, check: Check, composition: Composition, tmp_path: Path) -> None:
        for result in self.look(check, composition, tmp_path):
            assert "\n" not in result.found
            assert result.found.endswith("."), f"without a full stop: {result.found}"

    def test_it_gives_the_same_again(self, check: Check, composition: Composition, tmp_path: Path) -> None:
        first = self.look(check, composition, tmp_path)
        assert [result.status for result in self.look(check, composition, tmp_path)] == [
            result.status for result in first
        ]

    def test_it_prints_nothing(self, check: Check, composition: Composition, tmp_path: Path) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            self.look(check, composition, tmp_path)
        assert printed.getvalue() == ""

    def test_it_changes_nothing(self, check: Check, composition: Composition, tmp_path: Path) -> None:
        (tmp_path / "models").mkdir()
        self.look(check, composition, tmp_path)
        assert digest_folder(tmp_path) == ()
        assert [path.name for path in tmp_path.rglob("*")] == ["models"]
