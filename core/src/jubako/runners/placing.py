"""`Placer`: where the replicas of a Service's runners compute, one runner after the other."""

from __future__ import annotations

import logging

import attrs

from jubako.errors import GpuNotFound, InvalidArgument
from jubako.plugins import Composition, place_runner
from jubako.runners.definition import LoadableRunner
from jubako.runners.machine import discover_machine
from jubako.runners.options import effective_resource_quota
from jubako.settings import Settings
from jubako.values.machine import Machine
from jubako.values.placement import Placement
from jubako.values.resources import ResourceQuota

_logger = logging.getLogger(__name__)


class Placer:
    """Places runners, and keeps in mind what was taken of each GPU.

    Args:
        composition: the plugins that are asked.
        settings: in force.
        machine: what there is; found out if None.
    """

    def __init__(self, composition: Composition, settings: Settings, machine: Machine | None = None) -> None:
        self._composition = composition
        self._settings = settings
        self._machine = discover_machine() if machine is None else machine

    def place(self, runner: LoadableRunner) -> tuple[Placement, ...]:
        """One placement for each replica, which is to be a process of its own.

        Raises:
            InvalidArgument: the runner's `num_replica` is no number of replicas.
            GpuNotFound: it asks for a GPU that is not there, and `missing_gpu` is `error`.
            PluginError: see `place_runner`.
        """
        placements = self._ask(runner)
        for placement in placements:
            self._take(runner, placement)
        return placements

    def place_here(self, runner: LoadableRunner) -> Placement:
        """The placement of a runner in this process, which has one replica of it, with the threads of all.

        Of several GPUs it is the one that is least taken.

        Raises:
            JubakoError: see `place`.
        """
        taken = {gpu.index: gpu.taken_share for gpu in self._machine.gpus}
        placements = self._ask(runner)
        chosen = min(placements, key=lambda one: 0.0 if one.gpu_index is None else taken[one.gpu_index])
        self._take(runner, chosen)
        return chosen.with_threads(sum(one.threads for one in placements)).in_this_process()

    def _ask(self, runner: LoadableRunner) -> tuple[Placement, ...]:
        _check_replicas(runner)
        quota = effective_resource_quota(runner, self._settings)
        try:
            return self._ask_plugins(runner, quota)
        except GpuNotFound as error:
            if quota.missing_gpu == "error":
                raise GpuNotFound(
                    f"runner {runner.name!r} asks for GPUs, and {error.message}", why=error.why, do=error.do
                ) from error
            _logger.warning(
                "runner %r computes on the CPU, for %s %s runners.resources.missing_gpu says so",
                runner.name,
                error.message,
                error.why,
            )
            return self._ask_plugins(runner, attrs.evolve(quota, gpus=0))

    def _ask_plugins(self, runner: LoadableRunner, quota: ResourceQuota) -> tuple[Placement, ...]:
        return place_runner(self._composition, runner, quota, self._machine, is_strict=self._settings.plugins.strict)

    def _take(self, runner: LoadableRunner, placement: Placement) -> None:
        if placement.gpu_index is None:
            return
        before = next(gpu.taken_share for gpu in self._machine.gpus if gpu.index == placement.gpu_index)
        # Runners that share whole GPUs are a choice; fractions were meant to fit. 1e-9: tenths do not add up to 1.
        if placement.gpu_share < 1 and before + placement.gpu_share > 1 + 1e-9:
            _logger.warning(
                "runner %r gets %g of GPU %d, of which %g is taken already; give runners smaller fractions in "
                "resource_quota.gpus, or other GPUs",
                runner.name,
                placement.gpu_share,
                placement.gpu_index,
                before,
            )
        self._machine = self._machine.with_taken(placement.gpu_index, placement.gpu_share)


def _check_replicas(runner: LoadableRunner) -> None:
    number = runner.num_replica
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise InvalidArgument(
            f"runner {runner.name!r} cannot have {number!r} replicas.",
            why="That is what its num_replica says.",
            do="return a whole number from 1",
        )
