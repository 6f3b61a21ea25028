"""A replica: the process that holds one copy of a model and computes; forked by the zygote, or started on its own.

`python -m jubako.serving.replica_process LINK LISTENING` starts one on its own, for runner types that cannot be forked.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import random
import socket
import sys
from pathlib import Path
from typing import NoReturn

from prometheus_client import REGISTRY

from jubako.backends.process.replica_side import ReplicaServer
from jubako.errors import JubakoError
from jubako.plugins import Composition
from jubako.serving.control import Began, Failed, Ready, Record, StartReplica, Stop
from jubako.serving.links import ProcessLink
from jubako.serving.logs import configure_logging
from jubako.serving.metrics_reports import MetricsReports
from jubako.serving.planning import compose_planned, find_target, make_runner, pinned_workspace
from jubako.serving.signals import end_process_after
from jubako.serving.system import (
    REPLICA_MEMORY_POINTS,
    WORKER_MEMORY_POINTS,
    die_with_supervisor,
    lead_process_group,
    leave_signals_to_supervisor,
    name_process,
    offer_memory,
    settle_memory,
)
from jubako.values.placement import Placement
from jubako.workspace import Workspace, open_workspace, using_workspace

_logger = logging.getLogger(__name__)

_CLOSING_S = 2.0


def main() -> None:
    """Run a replica that was started on its own."""
    leave_signals_to_supervisor()
    link, listening = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    die_with_supervisor(link)
    # As one that is forked has it from the zygote.
    offer_memory(WORKER_MEMORY_POINTS)
    run_replica(link, listening)


def run_replica(connected: socket.socket, listening: socket.socket, composition: Composition | None = None) -> None:
    """Load the model that the supervisor names and compute until it says stop; ends the process.

    Args:
        connected: the link to the supervisor.
        listening: where API workers connect; the supervisor has it too.
        composition: the plugins, if they are composed already.
    """
    name_process("jubako-replica")
    lead_process_group()
    offer_memory(REPLICA_MEMORY_POINTS - WORKER_MEMORY_POINTS)
    # What a model does before it takes the process along is told by its Python stack.
    faulthandler.enable()
    link = ProcessLink(connected)
    link.send(Began(os.getpid()))
    start = link.receive()
    if not isinstance(start, StartReplica):
        raise SystemExit(f"a replica was sent {start!r}")
    configure_logging(start.settings.server.logging.format, sys.stderr, f"replica {start.runner}", start.index)
    runner = next(runner for runner in start.plan.runners if runner.name == start.runner)
    _become_independent(runner.placements[start.index])
    exit_code = 0
    try:
        outer = open_workspace(
            start.settings, composition or compose_planned(start.settings.plugins, start.plan.plugins)
        )
        workspace = pinned_workspace(find_target(start.plan.target).workspace(outer), start.plan, link.agree)
        with using_workspace(workspace):
            asyncio.run(_serve(start, workspace, link, listening))
    except JubakoError as error:
        link.send(Failed.of(error))
        exit_code = 1
    except Exception as error:
        _logger.exception("replica %d of runner %r failed", start.index, start.runner)
        link.send(Failed.of(error))
        exit_code = 1
    end_process_after(_CLOSING_S, exit_code)
    raise SystemExit(exit_code)


async def _serve(start: StartReplica, workspace: Workspace, link: ProcessLink, listening: socket.socket) -> None:
    stop = asyncio.Event()

    def take(record: Record) -> None:
        if isinstance(record, Stop):
            stop.set()

    link.deliver_to(asyncio.get_running_loop(), take)
    runner_plan = next(runner for runner in start.plan.runners if runner.name == start.runner)
    runner = make_runner(runner_plan, start.plan, workspace)
    server = ReplicaServer(
        runner,
        options=runner_plan.batch_options,
        placement=runner_plan.placements[start.index],
        composition=workspace.composition,
    )
    with contextlib.ExitStack() as closing:
        if start.settings.server.metrics.enabled:
            # What the runner's own code counts; batches are counted by the API workers that sent them.
            closing.callback(MetricsReports((REGISTRY,), link.send).close)

        def announce() -> None:
            settle_memory()
            link.send(Ready())

        await server.serve(listening, stop, announce)


def has_open_gpu(descriptors: Path = Path("/proc/self/fd")) -> bool:
    """True if this process has the driver of a GPU open.

    A forked process cannot use what its parent has opened of CUDA, and could not choose its devices any more.

    Args:
        descriptors: a folder with a link for each open file.
    """
    with contextlib.suppress(OSError):
        for descriptor in descriptors.iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile, as the one of the folder itself
                if str(descriptor.readlink()).startswith("/dev/nvidia"):
                    return True
    return False


def start_afresh(connected: socket.socket, listening: socket.socket) -> NoReturn:
    """Go on as a replica that was started on its own: the same process with a new interpreter, which inherits nothing.

    Args:
        connected: see `run_replica`.
        listening: likewise.
    """
    numbers = [each.fileno() for each in (connected, listening)]
    for number in numbers:
        os.set_inheritable(number, True)
    command = [sys.executable, "-P", "-m", __name__, *map(str, numbers)]
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter and module; a shell would be no replica


def _become_independent(placement: Placement) -> None:
    """Take back what was done for forking: the one thread, and random numbers that all replicas would share."""
    os.environ.update(placement.environment)
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


if __name__ == "__main__":
    main()
