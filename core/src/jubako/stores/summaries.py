"""`Summary`: what a list says of a version, read without building all of its manifest.

A manifest that has the very form in which it is written is read line by line, ten times as fast as YAML, and not
checked otherwise; any other is read whole, as where a version is opened.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import attrs

from jubako._documents import MAX_DOCUMENT_BYTES, parse_yaml
from jubako.contracts.store import Store, StoreKind
from jubako.errors import InvalidManifest
from jubako.stores.failures import store_failure
from jubako.stores.local import LocalStore
from jubako.stores.manifests import BENTO_KEYS, MODEL_KEYS, parse_info, read_info
from jubako.values.bento import BentoInfo
from jubako.values.model import ModelInfo
from jubako.values.tag import Tag

_KEYS = {StoreKind.MODELS: MODEL_KEYS, StoreKind.BENTOS: BENTO_KEYS}
_TOP_LEVEL = re.compile(rb"^([a-z_]+):(?: |\n|$)", re.MULTILINE)
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]*|'[^'\n]*'")
_SIZE = re.compile(rb"^  size: (\d{1,18})$", re.MULTILINE)
_ENTRY = re.compile(rb"^- path: ", re.MULTILINE)


@attrs.frozen
class Summary:
    """One row of a list.

    Args:
        tag: name and exact version.
        path: the version's folder; None if it is not on this machine.
        creation_time: when it was saved or built, with its time zone.
        size_bytes: of its files together, as the manifest says; the manifest itself is not counted.
        source: the runner type that saved a model, empty for none; the import string of a Bento's service.
        labels: text to text.
    """

    tag: Tag
    path: Path | None
    creation_time: datetime
    size_bytes: int
    source: str
    labels: Mapping[str, str]


def summarize_stored(store: Store, tag: Tag) -> Summary:
    """Read the summary of an exact version of a store; of a remote one, the manifest alone is fetched.

    Raises:
        NotFound: there is no such version.
        InvalidManifest: its manifest cannot be read, or is that of another version.
        StoreError: the version's folder is a link, or cannot be read.
    """
    if isinstance(store, LocalStore):
        return summarize(tag, store.open(tag), store.kind)
    where = f"{store.kind.manifest_name} of {tag} in {store.url}"
    return _checked(
        _summarize_info(None, parse_info(read_manifest(store, tag), where, store.kind)), tag, where, store.kind
    )


def read_manifest(store: Store, tag: Tag) -> bytes:
    """The text of a version's manifest; of a local store nothing if it is a link, a pipe, or larger than it may be.

    Raises:
        NotFound: there is no such version.
        StoreError: it cannot be read.
    """
    if isinstance(store, LocalStore):
        return _read(store.open(tag) / store.kind.manifest_name)
    with store_failure(f"{store.kind.noun} {tag} cannot be read"):
        return store.read_manifest(tag)


def summarize(tag: Tag, folder: Path, kind: StoreKind) -> Summary:
    """Read the summary of the version in a folder.

    Args:
        tag: the version that should be there.
        folder: where its manifest is.
        kind: what it is.

    Raises:
        InvalidManifest: the manifest cannot be read, or is that of another version.
    """
    summary = _summarize_quickly(tag, folder, kind) or _summarize_info(folder, read_info(folder, kind))
    return _checked(summary, tag, str(folder / kind.manifest_name), kind)


def _checked(summary: Summary, tag: Tag, where: str, kind: StoreKind) -> Summary:
    if summary.tag != tag:
        raise InvalidManifest(
            f"{where} says that it is {kind.noun} {summary.tag}, not {tag}.",
            why="The folder was renamed or copied by hand.",
            do="move it back, or delete it",
        )
    return summary


def _summarize_info(folder: Path | None, info: ModelInfo | BentoInfo) -> Summary:
    return Summary(
        tag=info.tag,
        path=folder,
        creation_time=info.creation_time,
        size_bytes=sum(entry.size_bytes for entry in info.files),
        source=info.module if isinstance(info, ModelInfo) else info.service,
        labels=info.labels,
    )


def _summarize_quickly(tag: Tag, folder: Path, kind: StoreKind) -> Summary | None:
    """The summary, or None if the manifest is not written in the very form that Jubako writes."""
    text = _read(folder / kind.manifest_name)
    starts = [(found[1].decode(), found.start()) for found in _TOP_LEVEL.finditer(text)]
    if tuple(key for key, _ in starts) != _KEYS[kind] or not text.endswith(b"\n"):
        return None
    ends = [*(start for _, start in starts[1:]), len(text)]
    blocks = {key: text[start:end] for (key, start), end in zip(starts, ends, strict=True)}
    source = _scalar(blocks["module" if kind is StoreKind.MODELS else "service"])
    sizes = _SIZE.findall(blocks["files"])
    is_written_by_us = (
        source is not None
        and (_scalar(blocks["name"]), _scalar(blocks["version"])) == (tag.name, tag.version)
        and len(sizes) == len(_ENTRY.findall(blocks["files"]))
    )
    creation_time = _time_or_none(_scalar(blocks["creation_time"]))
    if not is_written_by_us or creation_time is None:
        return None
    labels = _labels(blocks["labels"], folder / kind.manifest_name)
    return Summary(tag, folder, creation_time, sum(map(int, sizes)), str(source), labels)


def _read(path: Path) -> bytes:
    try:
        # Neither through a link nor from a pipe, and never more than a document may have.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file:
            size = os.fstat(file.fileno()).st_size
            return file.read(size) if size <= MAX_DOCUMENT_BYTES else b""
    except OSError:
        return b""  # reading it whole says what is wrong


def _scalar(block: bytes) -> str | None:
    """The value of `key: value`, if it is plain or in quotes and on one line."""
    value = block.partition(b":")[2].strip().decode(errors="replace")
    if not _PLAIN.fullmatch(value):
        return None
    return value[1:-1] if value.startswith("'") else value


def _time_or_none(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return time if time.tzinfo is not None else None


def _labels(block: bytes, path: Path) -> Mapping[str, str]:
    try:
        return _parse_labels(block)
    except InvalidManifest as error:
        raise InvalidManifest(f"{path} cannot be used.", why=error.message) from error


# Most versions of a store share their labels with others.
@functools.lru_cache(maxsize=256)
def _parse_labels(block: bytes) -> Mapping[str, str]:
    document = parse_yaml(block, "its part 'labels'", error=InvalidManifest)
    labels = document["labels"] if isinstance(document, dict) else None
    if not isinstance(labels, dict) or not all(isinstance(text, str) for pair in labels.items() for text in pair):
        raise InvalidManifest("Its labels are not text to text.")
    return MappingProxyType(labels)
