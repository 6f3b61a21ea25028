"""What a plugin's command is made of, so that it looks and behaves as the core's commands do.

Everything here is for functions that click calls; what they ask about the command that runs is empty elsewhere.
"""

from __future__ import annotations

from jubako.cli._completion import complete_any_tag, complete_bentos, complete_models
from jubako.cli._confirm import confirm, yes_option
from jubako.cli._help import examples
from jubako.cli._options import read_settings, settings_options
from jubako.cli._output import output_option, show
from jubako.cli._progress import showing_progress
from jubako.cli._stdout import stdout_for_the_answer
from jubako.cli._tables import UNLIMITED, format_table, printable
from jubako.cli._verbosity import is_quiet, is_verbose, tell, verbosity_options

__all__ = [
    "UNLIMITED",
    "complete_any_tag",
    "complete_bentos",
    "complete_models",
    "confirm",
    "examples",
    "format_table",
    "is_quiet",
    "is_verbose",
    "output_option",
    "printable",
    "read_settings",
    "settings_options",
    "show",
    "showing_progress",
    "stdout_for_the_answer",
    "tell",
    "verbosity_options",
    "yes_option",
]
