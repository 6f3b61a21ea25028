"""What a report says about the machine and the sources, so that figures can be judged later."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path


def count_cores() -> int:
    """Cores that this process may use, and so the servers too."""
    # Not on every platform; macOS lets a process use all.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_machine() -> dict[str, str]:
    """System, processor, cores, memory and Python, in words."""
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _read_processor(Path("/proc/cpuinfo")) or platform.processor() or "unknown",
        "cores": str(count_cores()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "Python": platform.python_version(),
    }


def describe_commit(repository: Path) -> str:
    """The commit of a working tree, and whether files differ from it; `unknown` outside of git."""
    try:
        commit = _run_git(repository, "rev-parse", "--short=12", "HEAD")
        changed = _run_git(repository, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{commit} with changes" if changed else commit


def _run_git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(repository), *arguments], capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout.strip()


def _read_processor(path: Path) -> str | None:
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)
