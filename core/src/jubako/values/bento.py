"""`BentoInfo`: what `bento.yaml` says of one Bento."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from jubako.errors import InvalidArgument
from jubako.values.checks import as_tuple, pinned_or_empty
from jubako.values.manifest import FileEntry, digest_files
from jubako.values.tag import Tag


@attrs.frozen
class BentoModel:
    """A model inside a Bento: its tag, the runner type that saved it, its digest and when it was made."""

    tag: Tag
    module: str
    digest: str
    creation_time: datetime


@attrs.frozen
class BentoRunner:
    """A runner of a Bento's service.

    Args:
        name: its name.
        runner_type: its runner type, or its class if that is the service's own.
        models: the tags of the models that it needs.
        plugin: the distribution that offers the runner type, such as `jubako-toy-runner==1.0`; else empty.
    """

    name: str
    runner_type: str
    models: tuple[str, ...] = attrs.field(default=(), converter=as_tuple)
    plugin: str = attrs.field(default="", validator=pinned_or_empty)


@attrs.frozen
class BentoAPI:
    """An API of a Bento's service: its name, its route, and its descriptors' names; without an input that is empty."""

    name: str
    route: str
    input_type: str
    output_type: str


@attrs.frozen
class BentoInfo:
    """The manifest of one Bento; validates itself.

    Args:
        service: the import string of the Service, relative to `src/`.
        tag: name and exact version.
        jubako_version: the version that built it.
        creation_time: when it was built, with its time zone.
        labels: text to text.
        models: the models packed in it.
        runners: the service's runners.
        apis: the service's APIs.
        build: the build options as they were given, JSON-like.
        files: every file of the Bento but `bento.yaml`.
    """

    service: str
    tag: Tag = attrs.field()
    jubako_version: str
    creation_time: datetime = attrs.field()
    labels: Mapping[str, str] = attrs.field(factory=dict)
    models: tuple[BentoModel, ...] = attrs.field(default=(), converter=as_tuple)
    runners: tuple[BentoRunner, ...] = attrs.field(default=(), converter=as_tuple)
    apis: tuple[BentoAPI, ...] = attrs.field(default=(), converter=as_tuple)
    build: Mapping[str, Any] = attrs.field(factory=dict)
    files: tuple[FileEntry, ...] = attrs.field(default=(), converter=as_tuple)

    @tag.validator
    def _check_tag(self, _: object, tag: Tag) -> None:
        if not tag.is_exact:
            raise InvalidArgument(f"a Bento's manifest names an exact version, not {tag}.")

    @creation_time.validator
    def _check_time(self, _: object, creation_time: datetime) -> None:
        if creation_time.tzinfo is None:
            raise InvalidArgument(f"creation time {creation_time} of Bento {self.tag} has no time zone.")

    @property
    def digest(self) -> str:
        """`sha256:…` over every file but `bento.yaml`; the same inputs give the same digest."""
        return digest_files(self.files)
