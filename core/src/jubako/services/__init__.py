"""Services: what users define, how it is found by an import string, a tag or a folder, and its OpenAPI document."""

from __future__ import annotations

from jubako.services.api import InferenceAPI
from jubako.services.bento import Bento
from jubako.services.context import Context
from jubako.services.loader import load
from jubako.services.service import Service

__all__ = ["Bento", "Context", "InferenceAPI", "Service", "load"]
