"""What `jubako.testing.serving` starts: `jubako serve`, with its order as JSON on standard input."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from jubako._references import load_reference
from jubako.errors import JubakoError
from jubako.serving.system import die_with_parent
from jubako.settings import load_settings


def main() -> int:
    """Serve what the order names; returns the exit code."""
    order: dict[str, Any] = json.load(sys.stdin)
    if order["parent"]:
        die_with_parent()
        if os.getppid() != order["parent"]:
            return 1  # it has ended before it could be said
    text, working_dir = order["text"], Path(order["working_dir"])
    try:
        settings = load_settings(None, os.environ, order["overrides"])
        # As `jubako serve` does: one process where the system cannot fork.
        if hasattr(os, "fork"):
            options = load_reference("jubako.serving.supervisor:ServeOptions")(text, working_dir)
            return int(
                load_reference("jubako.serving.supervisor:serve_target")(options, settings=settings, announce=_say)
            )
        serve = load_reference("jubako.serving.one_process:serve_target")
        return int(serve(text, settings=settings, working_dir=working_dir, announce=_say))
    except JubakoError as error:
        _say(f"Error: {error}")
        return 1


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the log is its output


if __name__ == "__main__":
    sys.exit(main())
