"""`model.yaml` and `bento.yaml` ⇄ `ModelInfo` and `BentoInfo`, keys in the documented order.

The records of this module are the files' shape; those of `values` are their meaning.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import attrs

from jubako._documents import MAX_DOCUMENT_BYTES, dump_yaml, parse_yaml, plain, structure
from jubako.contracts.store import StoreKind
from jubako.errors import InvalidArgument, InvalidManifest, JubakoError
from jubako.values.bento import BentoAPI, BentoInfo, BentoModel, BentoRunner
from jubako.values.manifest import FileEntry
from jubako.values.model import API_VERSION, ModelContext, ModelInfo
from jubako.values.signature import Signature
from jubako.values.tag import Tag

_T = TypeVar("_T")


def read_model_info(folder: Path) -> ModelInfo:
    """Read `model.yaml` of a version's folder.

    Raises:
        InvalidManifest: it is missing, not YAML, lacks or has an unknown key, or a value is wrong; names file and path.
    """
    path = folder / StoreKind.MODELS.manifest_name
    document = _read(path, _ModelDocument)
    return _checked(path, document.to_info)


def write_model_info(folder: Path, info: ModelInfo) -> None:
    """Write `model.yaml` as a new file.

    Raises:
        InvalidArgument: `options` or `metadata` are not JSON-like.
    """
    _write(folder / StoreKind.MODELS.manifest_name, _model_data(info))


def read_bento_info(folder: Path) -> BentoInfo:
    """Read `bento.yaml` of a version's folder.

    Raises:
        InvalidManifest: it is missing, not YAML, lacks or has an unknown key, or a value is wrong; names file and path.
    """
    path = folder / StoreKind.BENTOS.manifest_name
    document = _read(path, _BentoDocument)
    return _checked(path, document.to_info)


def write_bento_info(folder: Path, info: BentoInfo) -> None:
    """Write `bento.yaml` as a new file.

    Raises:
        InvalidArgument: `build` is not JSON-like.
    """
    _write(folder / StoreKind.BENTOS.manifest_name, _bento_data(info))


def read_info(folder: Path, kind: StoreKind) -> ModelInfo | BentoInfo:
    """Read the manifest of a version's folder, whichever kind it is."""
    return read_model_info(folder) if kind is StoreKind.MODELS else read_bento_info(folder)


def parse_info(content: bytes, where: str, kind: StoreKind) -> ModelInfo | BentoInfo:
    """Read the text of a manifest that is in no folder yet.

    Args:
        content: the text; `MAX_DOCUMENT_BYTES` at most.
        where: what is read, for messages.
        kind: whose manifest it is.

    Raises:
        InvalidManifest: see `read_model_info`.
    """
    if kind is StoreKind.MODELS:
        return _checked(where, _parsed(content, where, _ModelDocument).to_info)
    return _checked(where, _parsed(content, where, _BentoDocument).to_info)


@attrs.frozen(kw_only=True)
class _FileDocument:
    path: str
    size: int
    sha256: str

    def to_entry(self) -> FileEntry:
        return FileEntry(self.path, self.size, self.sha256)


@attrs.frozen(kw_only=True)
class _ContextDocument:
    python_version: str
    framework_name: str = ""
    framework_versions: Mapping[str, str] = attrs.field(factory=dict)
    pip_requirements: tuple[str, ...] = ()
    plugin: str = ""
    serializer_plugin: str = ""


@attrs.frozen(kw_only=True)
class _ModelDocument:
    name: str
    version: str
    jubako_version: str
    creation_time: datetime
    api_version: str
    module: str
    serializer: str
    context: _ContextDocument
    signatures: Mapping[str, Signature] = attrs.field(factory=dict)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    options: Mapping[str, Any] = attrs.field(factory=dict)
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    custom_objects: bool = False
    files: tuple[_FileDocument, ...] = ()

    def to_info(self) -> ModelInfo:
        if self.api_version != API_VERSION:
            raise InvalidArgument(
                f"api_version {self.api_version!r} is not known; this Jubako reads {API_VERSION!r}.",
                do="use the version of Jubako that saved the model, or a newer one",
            )
        context = attrs.asdict(self.context, recurse=False)
        return ModelInfo(
            tag=Tag(self.name, self.version),
            module=self.module,
            serializer=self.serializer,
            creation_time=self.creation_time,
            context=ModelContext(jubako_version=self.jubako_version, **context),
            signatures=self.signatures,
            labels=self.labels,
            options=self.options,
            metadata=self.metadata,
            files=tuple(entry.to_entry() for entry in self.files),
            has_custom_objects=self.custom_objects,
        )


@attrs.frozen(kw_only=True)
class _BentoModelDocument:
    tag: str
    module: str
    digest: str
    creation_time: datetime

    def to_model(self) -> BentoModel:
        return BentoModel(Tag.from_str(self.tag), self.module, self.digest, self.creation_time)


@attrs.frozen(kw_only=True)
class _RunnerDocument:
    name: str
    runner_type: str
    models: tuple[str, ...] = ()
    plugin: str = ""


@attrs.frozen(kw_only=True)
class _ApiDocument:
    name: str
    route: str
    input_type: str
    output_type: str


@attrs.frozen(kw_only=True)
class _BentoDocument:
    service: str
    name: str
    version: str
    jubako_version: str
    creation_time: datetime
    labels: Mapping[str, str] = attrs.field(factory=dict)
    models: tuple[_BentoModelDocument, ...] = ()
    runners: tuple[_RunnerDocument, ...] = ()
    apis: tuple[_ApiDocument, ...] = ()
    build: Mapping[str, Any] = attrs.field(factory=dict)
    files: tuple[_FileDocument, ...] = ()

    def to_info(self) -> BentoInfo:
        return BentoInfo(
            service=self.service,
            tag=Tag(self.name, self.version),
            jubako_version=self.jubako_version,
            creation_time=self.creation_time,
            labels=self.labels,
            models=tuple(model.to_model() for model in self.models),
            runners=tuple(BentoRunner(**attrs.asdict(runner, recurse=False)) for runner in self.runners),
            apis=tuple(BentoAPI(**attrs.asdict(api, recurse=False)) for api in self.apis),
            build=self.build,
            files=tuple(entry.to_entry() for entry in self.files),
        )


MODEL_KEYS = tuple(attrs.fields_dict(_ModelDocument))
"""The keys of `model.yaml`, in the order in which they are written."""

BENTO_KEYS = tuple(attrs.fields_dict(_BentoDocument))
"""The keys of `bento.yaml`, in the order in which they are written."""


def info_data(info: ModelInfo | BentoInfo) -> dict[str, Any]:
    """What is written into the manifest, JSON-like and in its order."""
    data: dict[str, Any] = plain(
        _model_data(info) if isinstance(info, ModelInfo) else _bento_data(info), "the manifest"
    )
    return data


def _model_data(info: ModelInfo) -> dict[str, Any]:
    return {
        **_identity(info.tag, info.context.jubako_version, info.creation_time),
        "api_version": info.api_version,
        "module": info.module,
        "serializer": info.serializer,
        "context": {
            "python_version": info.context.python_version,
            "framework_name": info.context.framework_name,
            "framework_versions": info.context.framework_versions,
            "pip_requirements": info.context.pip_requirements,
            "plugin": info.context.plugin,
            "serializer_plugin": info.context.serializer_plugin,
        },
        "signatures": {name: attrs.asdict(signature) for name, signature in info.signatures.items()},
        "labels": info.labels,
        "options": info.options,
        "metadata": info.metadata,
        "custom_objects": info.has_custom_objects,
        "files": _files_data(info.files),
    }


def _bento_data(info: BentoInfo) -> dict[str, Any]:
    return {
        "service": info.service,
        **_identity(info.tag, info.jubako_version, info.creation_time),
        "labels": info.labels,
        "models": [
            {
                "tag": str(model.tag),
                "module": model.module,
                "digest": model.digest,
                "creation_time": model.creation_time.isoformat(),
            }
            for model in info.models
        ],
        "runners": [attrs.asdict(runner) for runner in info.runners],
        "apis": [attrs.asdict(api) for api in info.apis],
        "build": info.build,
        "files": _files_data(info.files),
    }


def _identity(tag: Tag, jubako_version: str, creation_time: datetime) -> dict[str, str | None]:
    return {
        "name": tag.name,
        "version": tag.version,
        "jubako_version": jubako_version,
        "creation_time": creation_time.isoformat(),
    }


def _files_data(files: tuple[FileEntry, ...]) -> list[dict[str, Any]]:
    return [{"path": entry.path, "size": entry.size_bytes, "sha256": entry.sha256} for entry in files]


def _read(path: Path, document: type[_T]) -> _T:
    try:
        # Not through a link: a version holds its own manifest.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as file:
            text = file.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise InvalidManifest(f"{path} cannot be read.", why=f"{error.strerror}.") from error
    return _parsed(text, str(path), document)


def _parsed(text: bytes, where: str, document: type[_T]) -> _T:
    data = parse_yaml(text, where, error=InvalidManifest)
    return structure(data, document, where, error=InvalidManifest)


def _checked(where: Path | str, make_info: Callable[[], _T]) -> _T:
    try:
        return make_info()
    except JubakoError as error:
        raise InvalidManifest(f"{where} cannot be used.", why=error.message, do=error.do) from error


def _write(path: Path, data: dict[str, Any]) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(dump_yaml(data))
