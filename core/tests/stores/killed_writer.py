"""Saves or deletes a model in children that kill themselves at a chosen system call; the tests run it as a program.

Reads lines `<home> <action> <moment>` and answers each with `killed`, or `done <moments>` if the action ended before
the moment came. A moment is the beginning of one call into the operating system.
"""

from __future__ import annotations

import fcntl
import io
import os
import signal
import sys
from pathlib import Path

import jubako.models
from jubako.plugins import compose
from jubako.settings import Settings, StoreSettings
from jubako.workspace import Workspace, open_workspace, using_workspace

SYSTEM_MODULES = (os.open.__module__, fcntl.flock.__module__, io.open.__module__)


class Killer:
    """Counts the calls into the operating system, and ends the process before the one that is numbered `moment`."""

    def __init__(self, moment: int) -> None:
        self.moment = moment
        self.count = 0

    def __call__(self, frame: object, event: str, called: object) -> None:
        if event != "c_call":
            return
        owner = getattr(called, "__self__", None)
        if getattr(called, "__module__", None) in SYSTEM_MODULES or isinstance(owner, io.IOBase):
            if self.count == self.moment:
                os.kill(os.getpid(), signal.SIGKILL)
            self.count += 1


def save() -> None:
    with jubako.models.create("iris", custom_objects={"answer": 42}) as draft:
        draft.path_of("weights.bin").write_bytes(b"new" * 10_000)
        draft.path_of("deep").mkdir()
        draft.path_of("deep/notes.txt").write_text("new")


def delete() -> None:
    jubako.models.delete("iris:latest")


def run_in_child(workspace: Workspace, action: str, moment: int) -> str:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with using_workspace(workspace):
            killer = Killer(moment)
            sys.setprofile(killer)
            {"save": save, "delete": delete}[action]()
            sys.setprofile(None)
        os.write(writer, str(killer.count).encode())
        os._exit(0)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reader) as answer:
        moments = answer.read()
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return "killed"
    return f"done {moments}" if status == 0 else f"failed {status}"


if __name__ == "__main__":
    composition = compose()
    for line in sys.stdin:
        home, wanted, number = line.rsplit(maxsplit=2)
        opened = open_workspace(Settings(stores=StoreSettings(home=Path(home))), composition)
        sys.stdout.write(run_in_child(opened, wanted, int(number)) + "\n")
        sys.stdout.flush()
