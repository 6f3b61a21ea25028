"""`PlacementTests`: the contract of the hook `jubako_place_runner`, for plugins' own tests."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, cast

import attrs
import orjson

from jubako.plugins import compose
from jubako.runners import Runner
from jubako.runners.runner import RunnerDefinition
from jubako.settings import PluginSettings
from jubako.testing._required import required_name
from jubako.values.machine import Gpu, Machine
from jubako.values.placement import VISIBLE_DEVICES, Placement
from jubako.values.resources import ResourceQuota

_QUOTAS = (None, 0, 1, 2, "all", 0.5, 0.25, [0], [1, 0], "1")


class PlacementTests:
    """Subclass it as `TestX`, name the plugin and make a runner that it places; the distribution must be installed.

    Attributes:
        name: the plugin's name, that of its entry point in the group `jubako.v1`.
    """

    name: str = required_name("plugin")

    def make_runner(self) -> RunnerDefinition:
        """A runner that the plugin places; a new one each time."""
        raise NotImplementedError("return a runner")

    def machines(self) -> Sequence[Machine]:
        """Machines of several sizes; the first has no GPU."""
        return [make_machine(gpus) for gpus in (0, 1, 2, 4)]

    def place(self, runner: RunnerDefinition, quota: ResourceQuota, machine: Machine) -> Sequence[Placement] | None:
        """Call the hook; override it if the plugin looks at more than the machine that it is given."""
        composition = compose(PluginSettings(allow=(self.name,)))
        report = next((report for report in composition.reports if report.name == self.name), None)
        assert report is not None, f"the plugin {self.name!r} is not installed"
        assert report.place_runner is not None, f"the plugin {self.name!r} has no hook jubako_place_runner"
        return cast("Sequence[Placement] | None", report.place_runner(runner, quota, machine))

    def test_what_it_places_has_a_placement_for_each_replica(self) -> None:
        answers = [placed for machine in self.machines() for placed in self._answers(machine)]
        assert any(placed is not None for placed in answers), "it placed the runner with no quota on no machine"
        for placed in answers:
            if placed is not None:
                assert isinstance(placed, Sequence)
                assert placed, "None leaves a runner to the next plugin; nothing at all is no answer"
                assert all(isinstance(placement, Placement) for placement in placed)

    def test_only_gpus_of_the_machine_are_chosen_and_each_process_sees_its_own(self) -> None:
        for machine in self.machines():
            uuids = {gpu.index: gpu.uuid for gpu in machine.gpus}
            for placed in self._answers(machine):
                for placement in placed or ():
                    if placement.gpu_index is not None:
                        assert placement.gpu_index in uuids
                        assert placement.environment[VISIBLE_DEVICES] == uuids[placement.gpu_index]

    def test_a_quota_of_none_is_never_answered_with_a_gpu(self) -> None:
        for machine in self.machines():
            for placement in self._place(0, machine) or ():
                assert placement.gpu_index is None
                assert placement.device == "cpu"

    def test_replicas_of_whole_gpus_share_none(self) -> None:
        for machine in self.machines():
            for gpus in ("all", len(machine.gpus)):
                placed = self._place(gpus, machine) if machine.gpus else None
                whole = [one.gpu_index for one in placed or () if one.gpu_index is not None and one.gpu_share == 1]
                assert len(set(whole)) == len(whole)

    def test_a_fraction_bounds_the_share_and_goes_where_least_is_taken(self) -> None:
        machine = make_machine(2).with_taken(0, 0.5)
        placed = self._place(0.5, machine)
        if placed is not None:
            assert placed[0].gpu_index == 1
            assert all(placement.gpu_share <= 0.5 for placement in placed)

    def test_the_same_question_has_the_same_answer(self) -> None:
        for machine in self.machines():
            assert list(self._answers(machine)) == list(self._answers(machine))

    def test_nothing_that_it_is_given_is_changed(self) -> None:
        runner, quota, machine = self.make_runner(), ResourceQuota(), make_machine(2)
        before = {name: repr(value) for name, value in vars(runner).items()}, copy.deepcopy(quota)
        self.place(runner, quota, machine)
        assert ({name: repr(value) for name, value in vars(runner).items()}, quota) == before

    def test_placements_travel_to_other_processes(self) -> None:
        for machine in self.machines():
            for placed in self._answers(machine):
                for placement in placed or ():
                    plain = attrs.asdict(placement)
                    assert Placement(**orjson.loads(orjson.dumps(plain))) == placement

    def test_runners_of_others_are_left_to_the_next_plugin(self) -> None:
        """Override it if the plugin means to place every runner, as the built-in one does."""
        for machine in self.machines():
            assert self.place(_Foreign("foreign"), ResourceQuota(), machine) is None

    def _answers(self, machine: Machine) -> list[Sequence[Placement] | None]:
        """What it says to every quota that the machine has the GPUs for."""
        count = len(machine.gpus)
        needs = {None: 0, 0: 0, 1: 1, 2: 2, "all": 1, 0.5: 1, 0.25: 1, "1": 2}
        return [
            self._place(gpus, machine)
            for gpus in _QUOTAS
            if count >= (max(gpus) + 1 if isinstance(gpus, list) else needs[gpus])
        ]

    def _place(self, gpus: Any, machine: Machine) -> Sequence[Placement] | None:
        return self.place(self.make_runner(), ResourceQuota(gpus=gpus), machine)


class _Foreign(Runner):
    """Of no framework."""

    def _setup(self) -> None:
        """Nothing to load."""

    def _run_batch(self, rows: object) -> object:
        return rows


def make_machine(gpus: int, cpus: float = 8) -> Machine:
    """A machine with so many GPUs of 16 GiB."""
    return Machine(
        cpus=cpus,
        memory_bytes=1 << 34,
        gpus=[Gpu(index, f"GPU-{index}", "Simulated", 1 << 34) for index in range(gpus)],
        gpu_driver="1.0" if gpus else "",
    )
