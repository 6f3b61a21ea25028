"""`Placement`: where one replica of a runner computes, with how many threads; and the placements that a quota means."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from jubako.errors import GpuNotFound, InvalidArgument
from jubako.values.checks import number, whole_number
from jubako.values.machine import Gpu, Machine
from jubako.values.resources import ResourceQuota

VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def _is_device(instance: object, attribute: Any, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise InvalidArgument(f"Placement.device cannot be {value!r}.", do="write cpu, or a name such as cuda:0")


def _is_environment(instance: object, attribute: Any, value: object) -> None:
    if not isinstance(value, Mapping) or not all(isinstance(part, str) for pair in value.items() for part in pair):
        raise InvalidArgument(f"Placement.environment cannot be {value!r}.", do="give names and values as texts")


def _is_share(instance: object, attribute: Any, value: float) -> None:
    number(above=0)(instance, attribute, value)
    if value > 1:
        raise InvalidArgument(f"Placement.gpu_share cannot be {value!r}.", do="give a fraction, or 1 for all of it")


@attrs.frozen
class Placement:
    """The share of the machine that one replica gets.

    Args:
        device: `cpu` or a device name such as `cuda:0`, as a process sees it that has the `environment`.
        threads: threads that native libraries may use in the replica; at least 1.
        environment: environment variables that a process of its own starts with.
        gpu_index: which of the machine's GPUs the device is; None if it is none of them.
        gpu_share: how much of the GPU's memory the replica may take: more than 0, at most 1.
    """

    device: str = attrs.field(default="cpu", validator=_is_device)
    threads: int = attrs.field(default=1, validator=whole_number(1))
    environment: Mapping[str, str] = attrs.field(factory=dict, validator=_is_environment)
    gpu_index: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole_number(0)))
    gpu_share: float = attrs.field(default=1.0, validator=_is_share)

    def in_this_process(self) -> Placement:
        """The same for a process that runs already: its environment stays, so a GPU has the index that it has there."""
        if self.gpu_index is None:
            return self
        return attrs.evolve(self, device=f"cuda:{self.gpu_index}", environment={})

    def with_threads(self, threads: int) -> Placement:
        """The same with another number of threads, in the environment too."""
        told = {name: str(threads) for name in _THREAD_VARIABLES if name in self.environment}
        return attrs.evolve(self, threads=threads, environment={**self.environment, **told})


def place_by_quota(quota: ResourceQuota, machine: Machine, replicas: int) -> tuple[Placement, ...]:
    """What a quota means: one replica for each whole GPU, or `replicas` of them on the CPU or on fractions of GPUs.

    Of GPUs that are not named, those come first of which least is taken. Each process sees its own GPU only, as
    `cuda:0`; none if `gpus` is 0. The replicas share the quota's processors.

    Args:
        quota: the one in force; `gpus=None` means the CPU, and leaves the environment's GPUs in sight.
        machine: what there is.
        replicas: the runner's `num_replica`.

    Returns:
        One placement a replica, in order.

    Raises:
        GpuNotFound: a GPU is asked for that is not there.
    """
    if not quota.on_gpu:
        placements = place_on_cpu(quota, machine, replicas)
        if quota.gpus is None:
            return placements
        return tuple(_in_sight_of(placement, "") for placement in placements)
    share, gpus = _choose_gpus(quota.gpus, machine, replicas)
    return tuple(
        attrs.evolve(_in_sight_of(placement, gpu.uuid), device="cuda:0", gpu_index=gpu.index, gpu_share=share)
        for placement, gpu in zip(place_on_cpu(quota, machine, len(gpus)), gpus, strict=True)
    )


def place_on_cpu(quota: ResourceQuota, machine: Machine, replicas: int) -> tuple[Placement, ...]:
    """Share the quota's processors, at most the machine's, among `replicas` replicas; at least one thread each.

    Returns:
        One placement a replica, in order.
    """
    cpus = machine.cpus if quota.cpu is None else min(quota.cpu, machine.cpus)
    threads = max(1, math.floor(cpus / max(1, replicas)))
    environment = dict.fromkeys(_THREAD_VARIABLES, str(threads))
    return tuple(Placement(threads=threads, environment=environment) for _ in range(replicas))


def _in_sight_of(placement: Placement, visible: str) -> Placement:
    return attrs.evolve(placement, environment={**placement.environment, VISIBLE_DEVICES: visible})


def _choose_gpus(
    asked: str | float | Sequence[int] | None, machine: Machine, replicas: int
) -> tuple[float, Sequence[Gpu]]:
    """The share of each, and one GPU a replica."""
    if isinstance(asked, float) and asked < 1:
        return asked, _take_fractions(asked, machine, replicas)
    if isinstance(asked, Sequence) and not isinstance(asked, str):
        by_index = {gpu.index: gpu for gpu in machine.gpus}
        missing = [index for index in asked if index not in by_index]
        if missing:
            raise _not_found(f"GPU {', '.join(map(str, missing))}", machine)
        return 1.0, [by_index[index] for index in asked]
    if asked == "all":
        if not machine.gpus:
            raise _not_found("all GPUs", machine)
        return 1.0, machine.gpus
    wanted = int(asked or 0)
    if wanted > len(machine.gpus):
        raise _not_found("a GPU" if wanted == 1 else f"{wanted} GPUs", machine)
    return 1.0, _least_taken_first(machine)[:wanted]


def _take_fractions(share: float, machine: Machine, replicas: int) -> list[Gpu]:
    if not machine.gpus:
        raise _not_found(f"{share:g} of a GPU", machine)
    chosen: list[Gpu] = []
    for _ in range(replicas):
        chosen.append(_least_taken_first(machine)[0])
        machine = machine.with_taken(chosen[-1].index, share)
    return chosen


def _least_taken_first(machine: Machine) -> list[Gpu]:
    return sorted(machine.gpus, key=lambda gpu: (gpu.taken_share, gpu.index))


def _not_found(what: str, machine: Machine) -> GpuNotFound:
    return GpuNotFound(
        f"{what} cannot be had.",
        why=_describe_gpus(machine),
        do="ask for what there is, or set runners.resources.missing_gpu to cpu",
    )


def _describe_gpus(machine: Machine) -> str:
    if machine.gpu_fault:
        return machine.gpu_fault
    if machine.gpus:
        names = ", ".join(f"{gpu.index} ({gpu.name})" for gpu in machine.gpus)
        hidden = f"; {VISIBLE_DEVICES} hides {machine.hidden_gpus} more" if machine.hidden_gpus else ""
        return f"There is {names}{hidden}." if len(machine.gpus) == 1 else f"There are {names}{hidden}."
    if machine.hidden_gpus:
        return f"{VISIBLE_DEVICES} hides all {machine.hidden_gpus} that there are."
    if machine.gpu_driver:
        return "There is a driver, and no device."
    return "No NVIDIA driver was found."
