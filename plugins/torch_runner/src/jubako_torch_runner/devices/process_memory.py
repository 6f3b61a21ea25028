"""`ProcessMemory`: what this process has taken of the machine's memory, by Linux's own count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs


@attrs.frozen
class ProcessMemory:
    """Reads `status` of a process and resets its high-water mark; see proc(5).

    Args:
        folder: such as `/proc/self`; where it is missing, everything is 0.
    """

    folder: Path

    def used_bytes(self) -> int:
        """What is resident now."""
        return self._read("VmRSS")

    def measure_peak_bytes(self, work: Callable[[], Any]) -> int:
        """Do `work`, and return by how much the process was larger meanwhile at most than before; at least 0."""
        try:
            # 5 resets the high-water mark, which otherwise is that of the whole life of the process.
            (self.folder / "clear_refs").write_text("5")
        except OSError:
            work()
            return 0
        before = self.used_bytes()
        work()
        return max(0, self._read("VmHWM") - before)

    def _read(self, field: str) -> int:
        try:
            lines = (self.folder / "status").read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), 0)
