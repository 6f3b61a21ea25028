"""`Placement`: where one replica of a runner computes, and with how many threads."""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs

from jubako.values.checks import whole_number
from jubako.values.machine import Machine
from jubako.values.resources import ResourceQuota

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@attrs.frozen
class Placement:
    """The share of the machine that one replica gets.

    Args:
        device: `cpu` or a device name such as `cuda:0`.
        threads: threads that native libraries may use in the replica; at least 1.
        environment: environment variables that a process of its own starts with.
    """

    device: str = "cpu"
    threads: int = attrs.field(default=1, validator=whole_number(1))
    environment: Mapping[str, str] = attrs.field(factory=dict)


def place_on_cpu(quota: ResourceQuota, machine: Machine, replicas: int) -> tuple[Placement, ...]:
    """Share the quota's processors, at most the machine's, among `replicas` replicas; at least one thread each.

    Returns:
        One placement a replica, in order.
    """
    cpus = machine.cpus if quota.cpu is None else min(quota.cpu, machine.cpus)
    threads = max(1, math.floor(cpus / max(1, replicas)))
    environment = dict.fromkeys(_THREAD_VARIABLES, str(threads))
    return tuple(Placement(threads=threads, environment=environment) for _ in range(replicas))
