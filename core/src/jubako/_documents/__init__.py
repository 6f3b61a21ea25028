"""YAML documents ⇄ validated attrs records, strictly: what is not understood is an error that names the place.

Nothing that a document holds is ever run or opened.
"""

from __future__ import annotations

from jubako._documents.lines import key_lines
from jubako._documents.reading import MAX_DOCUMENT_BYTES, parse_yaml
from jubako._documents.records import structure, suggest
from jubako._documents.writing import dump_yaml, plain

__all__ = ["MAX_DOCUMENT_BYTES", "dump_yaml", "key_lines", "parse_yaml", "plain", "structure", "suggest"]
