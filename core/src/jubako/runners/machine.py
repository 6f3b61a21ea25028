"""What this process may use: processors after affinity and cgroup quota, memory after the cgroup limit, and GPUs."""

from __future__ import annotations

import os
from pathlib import Path

from jubako.runners.gpus import FoundGpus, discover_gpus, find_nvml
from jubako.values.machine import Machine

_CGROUP = Path("/sys/fs/cgroup")


def discover_machine(cgroup: Path = _CGROUP, gpus: FoundGpus | None = None) -> Machine:
    """Read the limits of this process; cheap, a few small files, and the driver of the GPUs where there is one.

    Shares (`cpu.shares`, `cpu.weight`) are no limit and are not read: the default shares would mean one processor on
    any machine.

    Args:
        cgroup: where the control groups are mounted.
        gpus: what is known of them; None asks the driver.
    """
    found = discover_gpus(find_nvml()) if gpus is None else gpus
    return Machine(
        cpus=_discover_cpus(cgroup),
        memory_bytes=_discover_memory_bytes(cgroup),
        gpus=found.visible,
        gpu_driver=found.driver,
        gpu_fault=found.fault,
        hidden_gpus=found.hidden,
    )


def _discover_cpus(cgroup: Path) -> float:
    # macOS and Windows have no affinity.
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = float(len(affinity(0)) if affinity else os.cpu_count() or 1)
    quota_v2 = (_read(cgroup / "cpu.max") or "").split()
    if len(quota_v2) == 2 and quota_v2[0].isdecimal():
        return min(cpus, int(quota_v2[0]) / int(quota_v2[1]))
    quota, period = (_read(cgroup / "cpu" / name) for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us"))
    if quota and period and int(quota) > 0:
        return min(cpus, int(quota) / int(period))
    return cpus


def _discover_memory_bytes(cgroup: Path) -> int:
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 1 << 40
    for path in (cgroup / "memory.max", cgroup / "memory" / "memory.limit_in_bytes"):
        limit = _read(path)
        if limit and limit.isdecimal():
            return min(memory_bytes, int(limit))
    return memory_bytes


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
