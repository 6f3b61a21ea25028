"""A disk that loses its power: what it may hold then, from the system calls that strace saw.

The model is that of ALICE (Pillai et al., OSDI 2014, section 3), made simple and a little harsher than any journaling
file system. An entry of a folder is on the disk for sure once that folder was synced, a file's content once the file
was; a rename is one step, and is there once either of its folders was synced. Whatever was not synced may be lost, each
piece by itself, and content may be there in half. Modes and times are left out.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import attrs

CALLS = (
    *(
        "open",
        "openat",
        "creat",
        "close",
        "dup",
        "fcntl",
        "lseek",
        "write",
        "pwrite64",
        "ftruncate",
        "fsync",
        "fdatasync",
    ),
    *("mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat"),
    # Not modelled: the test fails if there are any.
    *("sendfile", "copy_file_range", "writev", "truncate", "symlink", "symlinkat", "fallocate"),
)
OPTIONS = ("-xx", "-s", "10000000", "-e", "trace=" + ",".join(f"?{call}" for call in CALLS))

_CALL = re.compile(r"^(\w+)\((.*)\)\s+= (-?\d+)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@attrs.frozen(eq=False)
class Node:
    """A file or folder, whatever its names."""

    is_folder: bool


@attrs.define
class Disk:
    """What is on a disk: entries of folders, and content of files; nothing where nothing is said."""

    entries: dict[Node, dict[str, Node]] = attrs.field(factory=lambda: defaultdict(dict))
    content: dict[Node, bytes] = attrs.field(factory=lambda: defaultdict(bytes))

    def copy(self) -> Disk:
        """Another one with the same on it."""
        entries = defaultdict(dict, {node: dict(inner) for node, inner in self.entries.items()})
        return Disk(entries, defaultdict(bytes, self.content))

    def load(self, path: Path) -> Node:
        """Take in a file, or a folder with everything in it."""
        node = Node(path.is_dir())
        if node.is_folder:
            self.entries[node] = {inner.name: self.load(inner) for inner in sorted(path.iterdir())}
        else:
            self.content[node] = path.read_bytes()
        return node

    def dump(self, node: Node, path: Path) -> None:
        """Write a file, or a folder with everything in it, as a new one."""
        if not node.is_folder:
            path.write_bytes(self.content[node])
            return
        path.mkdir()
        for name, inner in self.entries[node].items():
            self.dump(inner, path / name)

    def digest(self, node: Node) -> bytes:
        """Equal for what `dump` writes equally."""
        if not node.is_folder:
            return hashlib.sha256(b"file" + self.content[node]).digest()
        inner = (name.encode() + self.digest(inner) for name, inner in sorted(self.entries[node].items()))
        return hashlib.sha256(b"folder" + b"".join(inner)).digest()


@attrs.frozen(eq=False)
class Step:
    """One change.

    Args:
        nodes: syncing one of these makes it durable.
        do: changes a disk; told whether to do only half of it.
        is_content: True if it is a file's content that changes.
    """

    nodes: tuple[Node, ...]
    do: Callable[[Disk, bool], None]
    is_content: bool = False


@attrs.frozen(eq=False)
class Sync:
    """A file or folder was synced."""

    node: Node


@attrs.define
class _Open:
    node: Node
    offset: int = 0
    appends: bool = False


class Recording:
    """What an action did to a folder.

    Args:
        folder: as it was before the action; read now, and taken for durable.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._disk = Disk()
        self._root = self._disk.load(folder)
        self._first = self._disk.copy()
        self._steps: list[Step | Sync] = []
        self._descriptors: dict[int, _Open] = {}

    def add(self, log: str) -> None:
        """Follow the calls of a log of strace."""
        for line in log.splitlines():
            match = _CALL.match(line)
            if match and int(match[3]) >= 0:
                self._follow(match[1], _arguments(match[2]), int(match[3]))

    def count(self) -> int:
        """How many changes and syncs there were."""
        return len(self._steps)

    def states(self) -> Iterator[tuple[int, Callable[[Path], None]]]:
        """What the disk may hold when the power goes: after how many steps, and a function that writes it to a folder.

        Every prefix of the steps, and of it: all; what is durable; that and all entries, but no other content, or half
        of it; and all but one of the steps that are not durable.
        """
        seen = set()
        for length in range(len(self._steps) + 1):
            done = [step for step in self._steps[:length] if isinstance(step, Step)]
            unsure = [step for step in done if not self._is_durable(step, length)]
            contents = {step for step in unsure if step.is_content}
            choices = [(set(), set()), (set(unsure), set()), (contents, set()), (set(), contents)]
            choices += [({step}, set()) for step in unsure]
            for lost, torn in choices:
                disk = self._first.copy()
                for step in done:
                    if step not in lost:
                        step.do(disk, step in torn)
                digest = disk.digest(self._root)
                if (digest, length == len(self._steps)) not in seen:
                    seen.add((digest, length == len(self._steps)))
                    yield length, partial(disk.dump, self._root)

    def _is_durable(self, step: Step, length: int) -> bool:
        later = self._steps[self._steps.index(step) + 1 : length]
        return any(isinstance(other, Sync) and other.node in step.nodes for other in later)

    def _take(self, step: Step) -> None:
        step.do(self._disk, False)
        self._steps.append(step)

    def _follow(self, call: str, given: Sequence[str | bytes], result: int) -> None:
        if call in ("open", "openat", "creat"):
            self._open(given, result)
        elif call in ("mkdir", "mkdirat"):
            self._link(self._place(given[-3:-1]), Node(is_folder=True))
        elif call in ("unlink", "unlinkat", "rmdir"):
            place = self._place(given[-3:-1] if call == "unlinkat" else given[-1:])
            self._unlink(place)
        elif call in ("rename", "renameat", "renameat2"):
            texts = [index for index, value in enumerate(given) if isinstance(value, bytes)]
            self._rename(*(self._place(given[max(0, at - 1) : at + 1]) for at in texts))
        elif call in ("link", "linkat"):
            texts = [index for index, value in enumerate(given) if isinstance(value, bytes)]
            source, target = (self._place(given[max(0, at - 1) : at + 1]) for at in texts)
            if source or target:
                self._link(target, self._disk.entries[source[0]][source[1]])
        elif given and str(given[0]).isdigit() and int(given[0]) in self._descriptors:
            self._use(call, int(given[0]), given, result)

    def _use(self, call: str, descriptor: int, given: Sequence[str | bytes], result: int) -> None:
        opened = self._descriptors[descriptor]
        if call == "close":
            del self._descriptors[descriptor]
        elif call in ("fsync", "fdatasync"):
            self._steps.append(Sync(opened.node))
        elif call == "dup" or (call == "fcntl" and str(given[1]).startswith("F_DUPFD")):
            self._descriptors[result] = opened  # with one offset
        elif call == "fcntl":
            pass
        elif call == "lseek":
            opened.offset = result
        elif call == "write":
            at = len(self._disk.content[opened.node]) if opened.appends else opened.offset
            self._change(opened.node, at, given[1][:result])
            opened.offset = at + result
        else:
            raise AssertionError(f"{call} is not modelled")

    def _open(self, given: Sequence[str | bytes], result: int) -> None:
        at = next(index for index, value in enumerate(given) if isinstance(value, bytes))
        place, flags = self._place(given[max(0, at - 1) : at + 1]), str(given[at + 1])
        if place is None:
            return
        folder, name = place
        node = self._root if not name else self._disk.entries[folder].get(name)
        if node is None:
            assert "O_CREAT" in flags
            node = Node(is_folder=False)
            self._link(place, node)
        elif "O_TRUNC" in flags and self._disk.content[node]:
            self._take(Step((node,), lambda disk, _: disk.content.update({node: b""}), is_content=True))
        self._descriptors[result] = _Open(node, appends="O_APPEND" in flags)

    def _place(self, given: Sequence[str | bytes]) -> tuple[Node, str] | None:
        """The folder and name that a path stands for; None if that is elsewhere."""
        path = Path(given[-1].decode())
        start: Node | None = self._root
        if path.is_absolute():
            if not path.is_relative_to(self._folder):
                return None
            path = path.relative_to(self._folder)
        else:
            opened = self._descriptors.get(int(given[0])) if str(given[0]).isdigit() else None
            start = opened.node if opened else None
        if start is None:
            return None
        if not path.parts:
            return start, ""
        for part in path.parts[:-1]:
            start = self._disk.entries[start][part]
        return start, path.parts[-1]

    def _link(self, place: tuple[Node, str] | None, node: Node) -> None:
        if place is not None:
            folder, name = place
            self._take(Step((folder,), lambda disk, _: disk.entries[folder].update({name: node})))

    def _unlink(self, place: tuple[Node, str] | None) -> None:
        if place is not None:
            folder, name = place
            self._take(Step((folder,), lambda disk, _: disk.entries[folder].pop(name, None)))

    def _rename(self, old: tuple[Node, str] | None, new: tuple[Node, str] | None) -> None:
        if old is None or new is None:
            assert old is new, "renames stay in the folder"
            return
        node = self._disk.entries[old[0]][old[1]]

        def do(disk: Disk, _: bool) -> None:
            disk.entries[old[0]].pop(old[1], None)
            disk.entries[new[0]][new[1]] = node

        self._take(Step((old[0], new[0]), do))

    def _change(self, node: Node, at: int, content: bytes) -> None:
        def do(disk: Disk, is_torn: bool) -> None:
            before = disk.content[node]
            written = content[: len(content) // 2] if is_torn else content
            disk.content[node] = before[:at].ljust(at, b"\0") + written + before[at + len(written) :]

        self._take(Step((node,), do, is_content=True))


def _arguments(text: str) -> list[str | bytes]:
    """Arguments of a call: texts as bytes, all others as they are written."""
    texts = [bytes.fromhex(match[1].replace("\\x", "")) for match in _TEXT.finditer(text)]
    left = iter(texts)
    return [next(left) if part == '""' else part for part in _TEXT.sub('""', text).split(", ")]
