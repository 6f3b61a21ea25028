"""Models in the store: create, get, list, verify, delete, move, run them; for runner types, save and load objects."""

from __future__ import annotations

from jubako.models.archives import export_model, import_model, pull, push
from jubako.models.catalog import ModelDraft, create, delete, get, list, load_runner, verify
from jubako.models.model import Model
from jubako.models.objects import load_object, save_object
from jubako.stores.verifying import Fault, Verification
from jubako.values.model import ModelContext, ModelInfo
from jubako.values.signature import Signature

__all__ = [
    "Fault",
    "Model",
    "ModelContext",
    "ModelDraft",
    "ModelInfo",
    "Signature",
    "Verification",
    "create",
    "delete",
    "export_model",
    "get",
    "import_model",
    "list",
    "load_object",
    "load_runner",
    "pull",
    "push",
    "save_object",
    "verify",
]
