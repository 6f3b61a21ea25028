"""The order in which servers are measured, and what is kept of each measurement."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from benchmarks.driver import drive, write_bodies
from benchmarks.environments import Environment, run_program
from benchmarks.errors import BenchmarkError
from benchmarks.peer_settings import Configuration, Peer
from benchmarks.processes import measure_cpu_s, measure_memory
from benchmarks.servers import RunningServer, serving
from benchmarks.workloads import Workload

_T = TypeVar("_T")
# Of a program without a server; importing torch alone takes seconds.
_STARTED_WITHIN_S = 60.0


@dataclass(frozen=True)
class Load:
    """How hard and how long servers are driven.

    Args:
        connections: each is a cell of the table; ascending.
        seconds: of each cell.
        warm_up_s: driven with the most connections before the first cell, and not counted.
        rounds: every second one goes through the servers in reverse.
    """

    connections: tuple[int, ...]
    seconds: int
    warm_up_s: int
    rounds: int


@dataclass(frozen=True)
class Contestant:
    """One configuration of a peer, ready to be started."""

    peer: Peer
    configuration: Configuration
    environment: Environment


@dataclass(frozen=True)
class Cell:
    """One measurement: a server under one number of connections, in one round.

    Args:
        workload: its name.
        server: the configuration's name.
        connections: kept open.
        round: from 1.
        requests_per_s: answered right.
        p50_ms: the median latency.
        p99_ms: the 99th percentile.
        requests: all that were answered.
        errors: see `driver.Reading`.
        cpu_us: processor time of all its processes for each request, in µs; nothing where it cannot be read.
        ready_s: from the server's start to its first right answer; the same in all cells of one start, and nothing
            where there is no server.
        rss_mb: resident memory of all its processes right after the load; nothing where it cannot be read.
        pss_mb: the same with shared pages counted once.
        load_average: of the machine over the last minute, when the cell began.
    """

    workload: str
    server: str
    connections: int
    round: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    requests: int
    errors: int
    cpu_us: float | None
    ready_s: float | None
    rss_mb: float | None
    pss_mb: float | None
    load_average: float


CELL_FIELDS = tuple(field.name for field in fields(Cell))


@dataclass(frozen=True)
class Outcome:
    """What a whole comparison gave.

    Args:
        cells: in the order of measurement.
        failures: by workload and server: why it could not be measured.
    """

    cells: tuple[Cell, ...]
    failures: Mapping[tuple[str, str], str]


def plan_starts(servers: Sequence[_T], rounds: int) -> Iterator[tuple[int, _T]]:
    """Round and server for every start: all in turn, then all in reverse, and so on."""
    for number in range(1, rounds + 1):
        for server in servers if number % 2 else reversed(servers):
            yield number, server


def measure(
    contestants: Sequence[Contestant],
    workloads: Sequence[Workload],
    load: Load,
    *,
    wrk: Path,
    scratch: Path,
    report: Callable[[str], None],
) -> Outcome:
    """Measure every server in every workload, one server at a time.

    A server that fails is left out of the rest of its workload; the others go on.

    Args:
        contestants: in the order of the first round.
        workloads: one after the other.
        load: see there.
        wrk: the driver's program.
        scratch: a folder for requests and logs.
        report: gets a line for people after each cell.
    """
    cells: list[Cell] = []
    failures: dict[tuple[str, str], str] = {}
    for workload in workloads:
        taking_part = [each for each in contestants if workload.name in each.configuration.workloads]
        for number, contestant in plan_starts(taking_part, load.rounds):
            name = contestant.configuration.name
            if (workload.name, name) in failures:
                continue
            try:
                for cell in _measure_once(contestant, workload, load, number, wrk, scratch):
                    cells.append(cell)
                    report(_describe(cell))
            except BenchmarkError as error:
                failures[workload.name, name] = str(error)
                report(f"{workload.name} round {number} {name}: {error}")
    return Outcome(tuple(cells), failures)


def _measure_once(
    contestant: Contestant, workload: Workload, load: Load, number: int, wrk: Path, scratch: Path
) -> Iterator[Cell]:
    """Start one server, and measure it under each number of connections."""
    configuration = contestant.configuration
    stem = f"{configuration.name}-{workload.name}"
    if configuration.in_process:
        yield from _measure_in_process(contestant, workload, load, number)
        return
    bodies = scratch / f"{stem}.requests"
    endpoint = configuration.workloads[workload.name]
    write_bodies((endpoint.fill(question.row) for question in workload.questions), bodies)
    log = scratch / f"{stem}.log"
    with serving(contestant.peer, configuration, contestant.environment, workload, log) as server:
        server.check_answers(workload)
        drive(wrk, server.url, bodies, connections=max(load.connections), seconds=load.warm_up_s)
        for connections in load.connections:
            yield _measure_cell(configuration.name, server, workload, connections, load.seconds, number, wrk, bodies)
        # Still right, after all that.
        server.check_answers(workload)


def _measure_cell(
    name: str,
    server: RunningServer,
    workload: Workload,
    connections: int,
    seconds: int,
    number: int,
    wrk: Path,
    bodies: Path,
) -> Cell:
    load_average = os.getloadavg()[0]
    cpu_before_s = measure_cpu_s(server.pid)
    reading = drive(wrk, server.url, bodies, connections=connections, seconds=seconds)
    cpu_after_s = measure_cpu_s(server.pid)
    memory = measure_memory(server.pid)
    return Cell(
        workload=workload.name,
        server=name,
        connections=connections,
        round=number,
        requests_per_s=reading.requests_per_s,
        p50_ms=reading.p50_ms,
        p99_ms=reading.p99_ms,
        requests=reading.requests,
        errors=reading.errors,
        cpu_us=_divide_cpu(cpu_before_s, cpu_after_s, reading.requests),
        ready_s=server.ready_s,
        rss_mb=None if memory is None else memory.rss_mb,
        pss_mb=None if memory is None else memory.pss_mb,
        load_average=load_average,
    )


def _measure_in_process(contestant: Contestant, workload: Workload, load: Load, number: int) -> Iterator[Cell]:
    """Run the program once, which measures a batch size for each number of connections."""
    environment = contestant.environment
    sizes = ",".join(str(size) for size in load.connections)
    command = environment.fill(contestant.configuration.command, connections=sizes, seconds=str(load.seconds))
    load_average = os.getloadavg()[0]
    timeout_s = load.seconds * len(load.connections) + _STARTED_WITHIN_S
    for line in run_program(command, environment.variables, contestant.peer, timeout_s).splitlines():
        values = json.loads(line)
        yield Cell(
            workload=workload.name,
            server=contestant.configuration.name,
            connections=values["size"],
            round=number,
            requests_per_s=values["rows_per_s"],
            p50_ms=values["p50_ms"],
            p99_ms=values["p99_ms"],
            requests=values["rows"],
            errors=0,
            cpu_us=values["cpu_us"],
            ready_s=None,
            rss_mb=None,
            pss_mb=None,
            load_average=load_average,
        )


def _divide_cpu(before_s: float | None, after_s: float | None, requests: int) -> float | None:
    if before_s is None or after_s is None or not requests:
        return None
    return (after_s - before_s) / requests * 1_000_000


def _describe(cell: Cell) -> str:
    return (
        f"{cell.workload} round {cell.round} {cell.server} c={cell.connections}: "
        f"{cell.requests_per_s:,.0f} requests/s, "
        f"p50 {cell.p50_ms:.1f} ms, p99 {cell.p99_ms:.1f} ms, {cell.errors} errors"
    )
