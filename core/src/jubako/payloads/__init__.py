"""How values are joined, cut, and laid out in frames: arrays, frames, series, lists, tuples, scalars."""

from __future__ import annotations

from jubako.payloads.table import PayloadTable

__all__ = ["PayloadTable"]
