"""Logging of a serving process: everything to stderr, one event one line."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TextIO

from jubako.server.log_lines import LineFormatter, choose_format
from jubako.settings import RunnersSettings

_logger = logging.getLogger(__name__)


def configure_logging(line_format: str, stream: TextIO, role: str, slot: int) -> None:
    """Send the records of all loggers, and Python's warnings, from INFO upwards to `stream`.

    Args:
        line_format: the setting `server.logging.format`.
        stream: usually stderr.
        role: what this process is, such as `api`.
        slot: which of its role, from 0.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter(choose_format(line_format, stream), role, slot))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)


def warn_of_unused_names(settings: RunnersSettings, names: Iterable[str]) -> None:
    """Write a warning to the log for each runner that is named in the settings and that the service has not.

    No error: one file may be for several services.

    Args:
        settings: the section `runners`.
        names: of the service's runners.
    """
    known = sorted(names)
    for name in settings.names_without_runner(known):
        runners = f"its runners are {', '.join(known)}" if known else "it has none"
        _logger.warning("runners.named.%s is of no runner of this service: %s", name, runners)
