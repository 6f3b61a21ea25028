"""What a server holds of the system: processes, descriptors, sockets, shared memory, temporary files."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from pathlib import Path

import attrs

from tests.harness.served import Served, name_of

SHARED_MEMORY = Path("/dev/shm")


@attrs.frozen
class State:
    """At one moment.

    Args:
        processes: how many there are of each name.
        descriptors: how many of each kind the processes of each name have open, all together.
        shared_memory: names in shared memory that belong to the server's user.
        files: what lies in its temporary folder.
    """

    processes: dict[str, int]
    descriptors: dict[str, dict[str, int]]
    shared_memory: frozenset[str]
    files: frozenset[str]

    @classmethod
    def of(cls, served: Served) -> State:
        """Look at a server that runs."""
        processes: Counter[str] = Counter()
        descriptors: dict[str, Counter[str]] = {}
        for pid in [served.process.pid, *served.processes()]:
            # The supervisor, which has the name of its program, is one among the others.
            name = "supervisor" if pid == served.process.pid else name_of(pid)
            processes[name] += 1
            descriptors.setdefault(name, Counter()).update(descriptors_of(pid))
        return cls(
            dict(processes),
            {name: dict(kinds) for name, kinds in descriptors.items()},
            shared_memory(),
            files_below(served.temporary),
        )

    def differences(self, before: State) -> list[str]:
        """What is otherwise than it was, for people."""
        found = []
        for field in attrs.fields(State):
            now, then = getattr(self, field.name), getattr(before, field.name)
            # Other programs may take their shared memory away meanwhile.
            if now - then if field.name == "shared_memory" else now != then:
                found.append(f"{field.name}: {now} instead of {then}")
        return found


def descriptors_of(pid: int) -> Counter[str]:
    """How many descriptors of each kind a process has open: sockets, pipes, files by name; empty if it is gone."""
    kinds: Counter[str] = Counter()
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                name = str(link.readlink()).partition(":[")[0]
                # It opens the file that tells it the time again and again.
                if "faketime_" not in name:
                    kinds[name] += 1
    return kinds


def resident_kib(pid: int) -> int:
    """Memory that a process has in use, in KiB; 0 if it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def shared_memory() -> frozenset[str]:
    """Names in shared memory that belong to this user, but for those of libfaketime, which a neighbour may load."""
    names = set()
    with contextlib.suppress(FileNotFoundError):
        for path in SHARED_MEMORY.iterdir():
            with contextlib.suppress(OSError):
                if path.lstat().st_uid == os.getuid() and "faketime_" not in path.name:
                    names.add(path.name)
    return frozenset(names)


def files_below(folder: Path) -> frozenset[str]:
    """Paths of everything below a folder; that of a generation has the same name for each of them."""
    found = set()
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            parts = (Path(root) / name).relative_to(folder).parts
            found.add("/".join("generation" if part.isdecimal() else part for part in parts))
    return frozenset(found)
