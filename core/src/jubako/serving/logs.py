"""Logging of a serving process: everything to stderr, one event one line."""

from __future__ import annotations

import logging
from typing import TextIO

from jubako.server.log_lines import LineFormatter, choose_format


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
