"""The version of the distribution, as text; a test compares it with the installed metadata."""

from __future__ import annotations

__version__ = "0.1.0"
