"""Services: what users define, how it is found by an import string, a tag or a folder, and its OpenAPI document."""

from __future__ import annotations

from jubako.services.api import InferenceAPI
from jubako.services.service import Service

__all__ = ["InferenceAPI", "Service"]
