"""The machine: what this process may use of it, GPUs included."""

from __future__ import annotations

from collections.abc import Iterator

from jubako.cli._progress import format_bytes
from jubako.contracts.command import CheckResult, CheckStatus
from jubako.plugins import Composition
from jubako.runners.machine import discover_machine
from jubako.settings import Settings
from jubako.values.machine import Machine
from jubako.values.placement import VISIBLE_DEVICES

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_LOW_MEMORY_BYTES = 500_000_000
# Beside connections: pipes to replicas, files of models, libraries.
_OTHER_FILES = 256


def check(_: Composition, settings: Settings, /) -> Iterator[CheckResult]:
    """Look at processors and memory after control groups, at GPUs, and at the limit of open files."""
    machine = discover_machine()
    words = f"{machine.cpus:g} processors and {format_bytes(machine.memory_bytes)} of memory may be used."
    if machine.cpus < 1:
        yield CheckResult(
            CheckStatus.WARN, words, "give the container at least one processor; work is slowed down else"
        )
    elif machine.memory_bytes < _LOW_MEMORY_BYTES:
        yield CheckResult(CheckStatus.WARN, words, "give the container more memory")
    else:
        yield CheckResult(CheckStatus.OK, words)
    yield from _describe_gpus(machine)
    if resource is not None:
        soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = settings.server.max_connections + _OTHER_FILES
        if soft != resource.RLIM_INFINITY and soft < wanted:
            yield CheckResult(
                CheckStatus.WARN,
                f"Only {soft} files may be open, and server.max_connections is {settings.server.max_connections}.",
                f"ulimit -n {wanted}, or set server.max_connections lower",
            )
        else:
            yield CheckResult(CheckStatus.OK, "Enough files can be open for server.max_connections.")


def _describe_gpus(machine: Machine) -> Iterator[CheckResult]:
    """One line a GPU; nothing where there is no driver, as on most machines."""
    if machine.gpu_fault:
        yield CheckResult(
            CheckStatus.WARN,
            f"GPUs cannot be found. {machine.gpu_fault}",
            "pip install 'jubako[gpu]'" if "not installed" in machine.gpu_fault else "see whether nvidia-smi works",
        )
    for gpu in machine.gpus:
        words = f"GPU {gpu.index} is {gpu.name}, {format_bytes(gpu.memory_bytes)}, driver {machine.gpu_driver}."
        yield CheckResult(CheckStatus.OK, words)
    if machine.hidden_gpus:
        words = f"{machine.hidden_gpus} of the driver's GPUs cannot be seen: {VISIBLE_DEVICES} leaves them out."
        yield CheckResult(CheckStatus.OK, words)
