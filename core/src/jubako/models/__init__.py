"""Models in the store: create, get, list and delete them; and, for runner types, save and load their objects."""

from __future__ import annotations

from jubako.models.catalog import ModelDraft, create, delete, get, list
from jubako.models.model import Model
from jubako.models.objects import load_object, save_object
from jubako.values.signature import Signature

__all__ = ["Model", "ModelDraft", "Signature", "create", "delete", "get", "list", "load_object", "save_object"]
