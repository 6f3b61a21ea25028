"""`Machine`: the processors, memory and devices that a server may use."""

from __future__ import annotations

import attrs

from jubako.values.checks import as_tuple, number, whole_number


@attrs.frozen
class Gpu:
    """One GPU that is visible to this process.

    Args:
        index: from 0, among those that are visible: what `resource_quota.gpus` and `cuda:<index>` count.
        uuid: the driver's name of it, which means the same in every process; of a slice of a GPU, `MIG-…`.
        name: for people.
        memory_bytes: its memory.
        taken_share: what placements that were made before have of it: 1 for each that has it whole, and the fraction of
            each that has a fraction.
    """

    index: int = attrs.field(validator=whole_number(0))
    uuid: str
    name: str
    memory_bytes: int
    taken_share: float = attrs.field(default=0.0, validator=number(minimum=0))


@attrs.frozen
class Machine:
    """What may be used, after affinity, cgroup limits and `CUDA_VISIBLE_DEVICES`.

    Args:
        cpus: processors, possibly a fraction; more than 0.
        memory_bytes: memory; at least 1.
        gpus: the devices that are visible, by index.
        gpu_driver: the version of their driver; empty if there is none.
        gpu_fault: why GPUs could not be looked for although there seems to be a driver; empty if nothing is wrong.
        hidden_gpus: how many devices the driver has beside those that are visible.
    """

    cpus: float = attrs.field(validator=number(above=0))
    memory_bytes: int = attrs.field(validator=whole_number(1))
    gpus: tuple[Gpu, ...] = attrs.field(default=(), converter=as_tuple)
    gpu_driver: str = ""
    gpu_fault: str = ""
    hidden_gpus: int = 0

    def with_taken(self, index: int, share: float) -> Machine:
        """The same machine, of whose GPU `index` a further share is taken."""
        gpus = tuple(
            attrs.evolve(gpu, taken_share=gpu.taken_share + share) if gpu.index == index else gpu for gpu in self.gpus
        )
        return attrs.evolve(self, gpus=gpus)
