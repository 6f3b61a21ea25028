"""`python -m jubako` is the command `jubako`."""

from __future__ import annotations

from jubako.cli import main

main(prog_name="jubako")
