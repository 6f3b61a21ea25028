"""The command `jubako`: one module a command, imported when the command is typed.

Which commands there are is said where everything is that the core offers: in `jubako.builtin`.

Exit codes: 0, done; 1, it could not be done, and stderr says why; 2, the command line is wrong; 130, Ctrl-C.
"""

from __future__ import annotations

import click

from jubako._version import __version__
from jubako.cli._group import OfferedGroup
from jubako.cli._help import examples

__all__ = ["main"]


@click.group(
    cls=OfferedGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples("jubako serve ./service.py:svc", "jubako build && jubako list", "jubako models list --help")
    + "\n\nExit codes: 0, done; 1, it could not be done, and stderr says why; 2, the command line is wrong; 130, "
    "Ctrl-C.",
)
@click.version_option(__version__, "-v", "--version", message="jubako %(version)s")
def main() -> None:
    """Turn trained models into web services."""
