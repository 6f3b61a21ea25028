"""Serving: from a target to a process that answers HTTP, handles signals and ends with an honest exit code."""

from __future__ import annotations
