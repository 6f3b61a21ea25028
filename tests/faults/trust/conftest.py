"""A store with models of every format, and ways to change them as somebody can who may write its files."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import jubako.models
from jubako.models import Model
from jubako.plugins import compose
from jubako.settings import PluginSettings, Settings, StoreSettings
from jubako.stores.digests import digest_folder, sha256_of
from jubako.stores.manifests import write_model_info
from jubako.stores.sequence import Facts, Sequence
from jubako.workspace import Workspace, open_workspace, using_workspace

# Format -> the runner type that writes it here, and the file it writes.
FORMATS = {
    "npy": ("toy", "array.npy"),
    "json": ("toy", "value.json"),
    "cloudpickle": ("toy", "object.pkl"),
    "skops": ("sklearn", "model.skops"),
    "joblib": ("sklearn", "model.joblib"),
}
DATA = ("npy", "json", "skops")
_OBJECTS = {"npy": np.arange(3.0), "json": [1.0, None], "cloudpickle": {1, 2}}


class Attacker:
    """Changes the files of a store as its owner could, and makes everything fit that can be made to fit.

    Args:
        workspace: whose store it is.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.home = workspace.settings.stores.home

    def save(self, serializer: str, **options: Any) -> Model:
        """Save a sound model in one format; trusted if it is code, as every one that is saved."""
        module, _ = FORMATS[serializer]
        model = _OBJECTS.get(serializer)
        if model is None:
            model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tag = jubako.models.save_object("m", model, module=module, serializers=(serializer,), **options)
        return jubako.models.get(tag)

    def load(self, model: Model) -> Any:
        """Open it anew, and load its object."""
        return jubako.models.load_object(model.tag, module=model.info.module)

    def write(self, path: Path, content: bytes) -> None:
        """Write a file, read-only or not, there or not."""
        path.parent.chmod(0o700)
        if path.exists():
            path.chmod(0o600)
        path.write_bytes(content)

    def replace(self, model: Model, files: Mapping[str, bytes], **changes: Any) -> None:
        """Put files in place of a model's, with a manifest and a record of the store that fit them."""
        for path in model.path.iterdir():
            path.unlink()
        for name, content in files.items():
            (model.path / name).write_bytes(content)
        info = attrs.evolve(model.info, files=digest_folder(model.path), **changes)
        write_model_info(model.path, info)
        self.record(model, "saved")

    def record(self, model: Model, origin: str) -> None:
        """Make the store's own record say that this is what was published, and where it came from."""
        for record in Sequence(self.home / ".store/models").records(model.tag.name):
            if record.version == model.tag.version:
                published = sha256_of(model.path / "model.yaml")
                record.path.chmod(0o600)
                record.path.write_bytes(record.encode(Facts(origin, published, f".draft-{'0' * 40}")))

    def forget_trust(self) -> None:
        """As on a machine where nothing was saved."""
        (self.home / ".store/trust").unlink(missing_ok=True)


@pytest.fixture
def attacker(tmp_path: Path) -> Iterator[Attacker]:
    """Somebody in a home of his own, with the scikit-learn plugin."""
    settings = Settings(stores=StoreSettings(home=tmp_path / "home"), plugins=PluginSettings(allow=("sklearn_runner",)))
    with using_workspace(open_workspace(settings, compose(settings.plugins))) as workspace:
        yield Attacker(workspace)
