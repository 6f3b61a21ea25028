"""`PluginTests`: the contract of a whole distribution, for plugins' own tests."""

from __future__ import annotations

import keyword
import re

import attrs
import pytest

import jubako
from jubako.contracts.offers import Offer, RunnerType
from jubako.plugins import Candidate, Composition, PluginReport, compose, discover, kind_noun, names_of
from jubako.testing._plugin_probe import Probe, probe
from jubako.testing._required import required_name

_PLUGIN_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# How often a plugin that took too long is loaded once more.
_FURTHER_LOADS = 4


class PluginTests:
    """Subclass it as `TestX` and name the plugin; the distribution must be installed.

    Attributes:
        name: the plugin's name, that of its entry point in the group `jubako.v1`.
        distribution: the distribution's name; `jubako-` and the plugin's name if empty.
        max_load_s: seconds that loading the plugin may take; on a machine that is busy, the quickest of a few times.
    """

    name: str = required_name("plugin")
    distribution: str = ""
    max_load_s: float = 1.0

    @pytest.fixture
    def candidate(self) -> Candidate:
        """The plugin's entry point."""
        found = [candidate for candidate in discover() if candidate.name == self.name]
        assert len(found) == 1, f"of the name {self.name!r} there must be one plugin: {[str(one) for one in found]}"
        return found[0]

    @pytest.fixture
    def loaded(self, candidate: Candidate) -> Probe:
        """What loading the plugin alone does to a fresh interpreter."""
        return probe(candidate.name)

    @pytest.fixture
    def composition(self) -> Composition:
        """Everything that is installed."""
        return compose()

    @pytest.fixture
    def report(self, candidate: Candidate, composition: Composition) -> PluginReport:
        """What became of the plugin beside everything else that is installed."""
        return next(report for report in composition.reports if report.candidate == candidate)

    def test_the_plugin_loads(self, loaded: Probe) -> None:
        assert loaded.status == "ok", f"{loaded.reason}\n{loaded.traceback}"

    def test_the_plugin_agrees_with_everything_else_that_is_installed(self, report: PluginReport) -> None:
        assert str(report.status) == "ok", report.reason

    def test_loading_imports_none_of_what_the_offers_require(self, loaded: Probe, report: PluginReport) -> None:
        required = {name.partition(".")[0] for offer in report.offers for name in offer.requires}
        assert not required & set(loaded.imported), "reach the module that imports it by a text reference"

    def test_loading_prints_nothing(self, loaded: Probe) -> None:
        assert loaded.printed == ""

    def test_loading_is_quick(self, candidate: Candidate, loaded: Probe) -> None:
        took_s = loaded.load_s
        for _ in range(_FURTHER_LOADS):
            if took_s > self.max_load_s:
                took_s = min(took_s, probe.__wrapped__(candidate.name).load_s)
        assert took_s <= self.max_load_s

    def test_the_distribution_is_named_after_the_plugin(self, candidate: Candidate) -> None:
        assert _PLUGIN_NAME.fullmatch(self.name), "write the plugin's name like toy_runner"
        assert candidate.is_named_by([self.name])
        found, expected = candidate.distribution, self.distribution or f"jubako-{self.name}".replace("_", "-")
        assert candidate.is_from(expected), (
            f"the distribution {found!r} should be named {expected!r}; "
            f"if its name is right, write distribution = {found!r} in {type(self).__name__}"
        )

    def test_the_plugin_offers_something(self, report: PluginReport) -> None:
        assert report.offers or report.extend_application is not None or report.place_runner is not None

    def test_every_summary_is_a_sentence(self, report: PluginReport) -> None:
        for offer in report.offers:
            summary = offer.summary
            assert summary[0].isupper() or summary[0].isdigit(), f"{_words(offer)} begins in lower case: {summary}"
            assert summary.endswith("."), f"{_words(offer)} ends without a full stop: {summary}"

    def test_every_runner_type_can_be_written_as_an_attribute(self, report: PluginReport) -> None:
        for offer in report.offers:
            for name in names_of(offer) if isinstance(offer, RunnerType) else ():
                assert name.isidentifier(), f"jubako.{name} cannot be written"
                assert not keyword.iskeyword(name), f"jubako.{name} cannot be written"
                assert name not in jubako.__all__, f"jubako.{name} is something else"

    def test_every_offer_names_what_exists(self, report: PluginReport, composition: Composition) -> None:
        missing = {id(one.offer) for one in report.missing}
        for offer in report.offers:
            if id(offer) in missing:
                continue
            for field in _reference_fields(offer):
                assert callable(composition.resolve(offer, field)), f"{field} of {_words(offer)} cannot be called"


def _words(offer: Offer) -> str:
    return f"{kind_noun(offer)} {offer.name!r}"


def _reference_fields(offer: Offer) -> list[str]:
    """The fields that hold one text reference, beside those that every offer has."""
    own = set(attrs.fields_dict(type(offer))) - set(attrs.fields_dict(Offer))
    return sorted(
        field for field in own if ":" in str(getattr(offer, field)) and isinstance(getattr(offer, field), str)
    )
