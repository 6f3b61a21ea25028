"""The contract of `jubako_place_runner`, on the built-in plugin; what it leaves to others is nothing."""

from __future__ import annotations

from jubako.runners import Runner
from jubako.testing import PlacementTests
from jubako.testing.placement_tests import make_machine
from jubako.values.resources import ResourceQuota


class Echo(Runner):
    def _setup(self):
        pass

    def _run_batch(self, rows):
        return rows


class TestBuiltIn(PlacementTests):
    name = "builtin"

    def make_runner(self):
        return Echo("echo")

    def test_runners_of_others_are_left_to_the_next_plugin(self):
        (placement,) = self.place(self.make_runner(), ResourceQuota(), make_machine(2))
        assert placement.device == "cpu", "nobody comes after it, so it places every runner"
