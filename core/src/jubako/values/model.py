"""`ModelInfo`: what `model.yaml` says of one version of a model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from jubako.errors import InvalidArgument
from jubako.values.checks import as_tuple, pinned_or_empty
from jubako.values.manifest import FileEntry, digest_files
from jubako.values.signature import Signature
from jubako.values.tag import Tag

API_VERSION = "v1"


@attrs.frozen
class ModelContext:
    """What a model was saved with, so that it can be loaded again elsewhere.

    Args:
        jubako_version: the version of Jubako.
        python_version: such as `3.11.7`.
        framework_name: the framework's name, or empty.
        framework_versions: distribution name to version, the plugin's too.
        pip_requirements: what `pip install` needs to load the model, such as `scikit-learn==1.9.1`.
        plugin: the one of these that offers the runner type, such as `jubako-toy-runner==1.0`; empty if none does.
        serializer_plugin: the one that offers the format of its object; empty if that is the core's, or it has none.
    """

    jubako_version: str
    python_version: str
    framework_name: str = ""
    framework_versions: Mapping[str, str] = attrs.field(factory=dict)
    pip_requirements: tuple[str, ...] = attrs.field(default=(), converter=as_tuple)
    plugin: str = attrs.field(default="", validator=pinned_or_empty)
    serializer_plugin: str = attrs.field(default="", validator=pinned_or_empty)


@attrs.frozen
class ModelInfo:
    """The manifest of one version of a model, except its own text; validates itself.

    Args:
        tag: name and exact version.
        module: the runner type that saved it; empty for a model made by hand.
        serializer: the name of the serializer that wrote the object; empty if there is none.
        creation_time: when it was saved, with its time zone.
        context: the versions it was saved with.
        signatures: method name to how that method is called.
        labels: text to text, for people and queries.
        options: the runner type's own settings, JSON-like.
        metadata: the user's own facts, JSON-like.
        files: every file of the version but the manifest.
        has_custom_objects: True if `custom_objects.pkl` stands beside the model.
        api_version: the version of this format.
    """

    tag: Tag = attrs.field()
    module: str
    serializer: str
    creation_time: datetime = attrs.field()
    context: ModelContext
    signatures: Mapping[str, Signature] = attrs.field(factory=dict)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    options: Mapping[str, Any] = attrs.field(factory=dict)
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    files: tuple[FileEntry, ...] = attrs.field(default=(), converter=as_tuple)
    has_custom_objects: bool = False
    api_version: str = attrs.field(default=API_VERSION)

    @tag.validator
    def _check_tag(self, _: object, tag: Tag) -> None:
        if not tag.is_exact:
            raise InvalidArgument(f"a model's manifest names an exact version, not {tag}.")

    @creation_time.validator
    def _check_time(self, _: object, creation_time: datetime) -> None:
        if creation_time.tzinfo is None:
            raise InvalidArgument(f"creation time {creation_time} of model {self.tag} has no time zone.")

    @labels.validator
    def _check_labels(self, _: object, labels: Mapping[str, str]) -> None:
        for key, value in labels.items():
            if not isinstance(key, str) or not isinstance(value, str):
                raise InvalidArgument(f"label {key!r}: {value!r} of model {self.tag} is not text to text.")

    @property
    def digest(self) -> str:
        """`sha256:…` over the serializer's name and every file; what trust is given to."""
        return digest_files(self.files, f"serializer {self.serializer}")
