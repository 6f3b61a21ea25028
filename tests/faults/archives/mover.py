"""Imports, exports or copies in a process of its own, which may kill itself at a point of the way.

`python -m tests.faults.archives.mover ACTION HOME PLACE KILL_AT`: KILL_AT is the share of the bytes after which it
ends by SIGKILL, or 2 for never.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import jubako.models
from jubako._progress import Advance, using_progress
from jubako.errors import JubakoError
from jubako.settings import Settings, StoreSettings
from jubako.workspace import open_workspace, using_workspace


def main(action: str, home: str, place: str, kill_at: str) -> int:
    """Do it; 0, or 3 if it was refused in our own words."""

    @contextlib.contextmanager
    def show(_: str, total: int | None) -> Iterator[Advance]:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            if done >= float(kill_at) * (total or 1):
                os.kill(os.getpid(), signal.SIGKILL)

        advance(0)
        yield advance

    with using_workspace(open_workspace(Settings(stores=StoreSettings(home=Path(home))))), using_progress(show):
        try:
            if action == "import":
                jubako.models.import_model(place)
            elif action == "push":
                jubako.models.push("big", place)
            else:
                jubako.models.export_model("big", place, action, overwrite=True)
        except JubakoError as error:
            sys.stderr.write(str(error))
            return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
