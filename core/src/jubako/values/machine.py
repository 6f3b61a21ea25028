"""`Machine`: the processors, memory and devices that a server may use."""

from __future__ import annotations

import attrs

from jubako.values.checks import as_tuple, number, whole_number


@attrs.frozen
class Gpu:
    """One GPU as the driver numbers it: index from 0, its UUID, its name, its memory in bytes."""

    index: int
    uuid: str
    name: str
    memory_bytes: int


@attrs.frozen
class Machine:
    """What may be used, after affinity and cgroup limits.

    Args:
        cpus: processors, possibly a fraction; more than 0.
        memory_bytes: memory; at least 1.
        gpus: the devices that are visible.
    """

    cpus: float = attrs.field(validator=number(above=0))
    memory_bytes: int = attrs.field(validator=whole_number(1))
    gpus: tuple[Gpu, ...] = attrs.field(default=(), converter=as_tuple)
