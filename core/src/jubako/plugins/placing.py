"""Calling the hook `jubako_place_runner` of one plugin after the other, until one of them places the runner."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from jubako.errors import GpuNotFound, PluginError
from jubako.plugins.composition import Composition
from jubako.plugins.first_party import first_party_distributions
from jubako.plugins.kinds import PLACEMENT_HOOK
from jubako.plugins.loading import disabling
from jubako.plugins.report import PluginReport
from jubako.values.machine import Machine
from jubako.values.placement import Placement
from jubako.values.resources import ResourceQuota

_logger = logging.getLogger(__name__)

# Far more replicas than a machine can have; stops a hook that never ends.
_MAX_PLACEMENTS = 1000


def place_runner(
    composition: Composition, runner: Any, quota: ResourceQuota, machine: Machine, *, is_strict: bool = False
) -> tuple[Placement, ...]:
    """Ask plugins where the replicas of a runner compute; the first answer that is not None counts.

    Plugins of others are asked first, by name, then those that come with Jubako, and the built-in one at last, which
    always answers. One that raises, or answers with something else than placements, is named in the log, and the next
    is asked. Blocks for as long as their code takes.

    Args:
        composition: the plugins.
        runner: a `jubako.runners.runner.RunnerDefinition`.
        quota: the one in force for it.
        machine: what there is, and what is taken of it.
        is_strict: True makes it an error that a plugin raises.

    Returns:
        One placement a replica, in order; at least one.

    Raises:
        GpuNotFound: a plugin says that the runner asks for a GPU that is not there.
        PluginError: `is_strict`, and a plugin raised or answered with something else.
        JubakoError: of the built-in plugin.
    """
    for report in _in_order(composition):
        if report.place_runner is None:
            continue
        try:
            placements = _ask(report, runner, quota, machine)
        except GpuNotFound:
            # An answer: nobody after this plugin knows better what the runner needs.
            raise
        except _Unfit as unfit:
            remedy = f"report it to the authors of {report.distribution}, or disable it: {disabling(report.candidate)}"
            if report is composition.reports[0] or is_strict:
                raise PluginError(f"{unfit}.", do=remedy) from unfit.__cause__
            _logger.warning("%s; the next plugin is asked. Do: %s", unfit, remedy, exc_info=unfit.__cause__)
        else:
            if placements is not None:
                return placements
    raise PluginError(f"no plugin places runner {runner.name!r}.", do="reinstall jubako")


class _Unfit(Exception):
    """What a plugin did instead of answering."""


def _in_order(composition: Composition) -> Iterator[PluginReport]:
    built_in, *others = composition.reports
    ours = first_party_distributions()
    yield from (report for report in others if report.distribution not in ours)
    yield from (report for report in others if report.distribution in ours)
    yield built_in


def _ask(report: PluginReport, runner: Any, quota: ResourceQuota, machine: Machine) -> tuple[Placement, ...] | None:
    who = f"the hook {PLACEMENT_HOOK} of {report}"
    try:
        with contextlib.redirect_stdout(sys.stderr):
            # None was left out by the caller; said again for the type checker.
            answer = report.place_runner(runner, quota, machine) if report.place_runner else None
            if answer is None:
                return None
            given = tuple(islice(iter(answer), _MAX_PLACEMENTS + 1)) if isinstance(answer, Sequence) else None
    except (KeyboardInterrupt, GpuNotFound):
        raise
    except BaseException as error:  # the plugin's own code, which may call sys.exit(); told with its name
        raise _Unfit(f"{who} raised {type(error).__name__}: {error}".removesuffix(".")) from error
    if given is None:
        raise _Unfit(f"{who} returned {type(answer).__name__} instead of several Placement")
    _check(who, given, machine)
    return given


def _check(who: str, given: Sequence[object], machine: Machine) -> None:
    if not 1 <= len(given) <= _MAX_PLACEMENTS:
        raise _Unfit(f"{who} returned {len(given) or 'no'} placements; there must be 1 to {_MAX_PLACEMENTS}")
    known = {gpu.index for gpu in machine.gpus}
    for placement in given:
        if not isinstance(placement, Placement):
            raise _Unfit(f"{who} gave {type(placement).__name__} instead of a Placement")
        if placement.gpu_index is not None and placement.gpu_index not in known:
            raise _Unfit(f"{who} chose GPU {placement.gpu_index}, which the machine does not have")
