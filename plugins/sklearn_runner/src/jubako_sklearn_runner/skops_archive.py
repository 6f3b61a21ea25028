"""The gate before skops: reads an archive as plain JSON and refuses whatever `skops_types` does not list.

skops makes an audit of its own, with a list that grows with its releases and rules that several advisories got round
(CVE-2024-37065, CVE-2025-54412, -54413, -54886). This one is small, strict and independent: every node of every kind is
looked up in the fixed list before skops sees the archive, and nothing is imported or made here.
"""

from __future__ import annotations

import json
import os
import re
import struct
import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import scipy.special
from sklearn.utils import all_estimators

from jubako.errors import InvalidManifest, ModelNotTrusted
from jubako_sklearn_runner.skops_types import BIT_GENERATORS, LISTED, NODES

# Protocol 2 is what skops 0.11 to 0.16 write. Older ones are read by older node classes, with older checks.
PROTOCOL = 2

_SCHEMA = "schema.json"
# The last record of an archive, without a comment: APPNOTE.TXT of the zip format, section 4.3.16.
_END = struct.Struct("<4s4H2LH")
_MEMBER = re.compile(r"schema\.json|[0-9a-f-]{1,40}\.(npy|npz|bin)")


def check_archive(path: Path) -> list[str]:
    """Refuse an archive that holds more than a model of scikit-learn.

    Returns:
        The names on the fixed list that the archive uses: all that skops needs to trust besides its own defaults. skops
        goes through them for every node, so that the whole list would double the time that loading takes.

    Raises:
        ModelNotTrusted: it names a type, function or kind of node that is not on the fixed list.
        InvalidManifest: it is no skops archive, is damaged, or is of another protocol.
    """
    schema = _read_schema(path)
    if schema.get("protocol") != PROTOCOL or isinstance(schema["protocol"], bool):
        raise InvalidManifest(
            f"{path.name} is of skops protocol {schema.get('protocol')!r}.",
            why=f"Only protocol {PROTOCOL} is read.",
            do="save the model again",
        )
    nodes = list(_nodes(schema))
    refused = sorted({_describe(node) for node in nodes if not _is_allowed(node)})
    if refused:
        raise ModelNotTrusted(
            f"{path.name} holds {', '.join(refused[:5])}{' and more' if len(refused) > 5 else ''}.",
            why="A model stored as skops holds types of scikit-learn's own only; this one was changed or made by hand.",
            do="get the model again from where it was trained, and save it with jubako.sklearn.save",
        )
    return sorted({_qualified_name(node) for node in nodes} & LISTED)


def _read_schema(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            _check_members(path, archive.infolist())
            _check_ends(path, file, archive)
            schema = json.loads(archive.read(_SCHEMA))
    except (OSError, KeyError, ValueError, RecursionError, zipfile.BadZipFile, NotImplementedError) as error:
        raise InvalidManifest(
            f"{path.name} is no skops archive.", why=f"{type(error).__name__}: {error}", do="save the model again"
        ) from error
    if not isinstance(schema, dict):
        raise InvalidManifest(
            f"{path.name} is no skops archive.", why="Its schema is no JSON object.", do="save the model again"
        )
    return schema


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    counts = Counter(member.filename for member in members)
    for member in members:
        # What is stored uncompressed cannot unpack to more than the file's own size.
        is_plain = member.compress_type == zipfile.ZIP_STORED and not member.flag_bits & 1
        if not _MEMBER.fullmatch(member.filename) or counts[member.filename] > 1 or not is_plain:
            raise InvalidManifest(
                f"{path.name} has an unexpected member {member.filename[:100]!r}.", do="save the model again"
            )


def _check_ends(path: Path, file: BinaryIO, archive: zipfile.ZipFile) -> None:
    """Refuse what is something else too: a file that only ends as an archive, or has more behind its end."""
    size = file.seek(0, os.SEEK_END)
    file.seek(size - _END.size)
    signature, *_, comment_length = _END.unpack(file.read(_END.size))
    offsets = [member.header_offset for member in archive.infolist()]
    # What lies in several members at once would be unpacked several times.
    total = sum(member.file_size for member in archive.infolist())
    if signature != b"PK\5\6" or comment_length or min(offsets) != 0 or total > size:
        raise InvalidManifest(
            f"{path.name} has something before, behind or twice inside it.", do="save the model again"
        )


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object that skops could take for a node: those with a text under `__loader__`, at any depth."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("__loader__"), str):
                yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _is_allowed(node: dict[str, Any]) -> bool:
    kind, name = node["__loader__"], _qualified_name(node)
    if kind == "RandomGeneratorNode" and _bit_generator(node) not in BIT_GENERATORS:
        return False
    if kind == "ObjectNode":
        return name in NODES[kind] or name in _public_estimators()
    if kind == "FunctionNode":
        return name in NODES[kind] or _is_ufunc(node)
    return name in NODES.get(kind, ())


def _qualified_name(node: dict[str, Any]) -> str:
    return f"{node.get('__module__')}.{node.get('__class__')}"


def _describe(node: dict[str, Any]) -> str:
    text = f"{_qualified_name(node)} ({node['__loader__']})"
    return text if len(text) <= 120 else text[:117] + "..."


def _bit_generator(node: dict[str, Any]) -> object:
    try:
        return json.loads(node["content"]["bit_generator"]["content"]["bit_generator"]["content"])
    except (KeyError, TypeError, ValueError):
        return None


@cache
def _public_estimators() -> frozenset[str]:
    classes = (estimator for _, estimator in all_estimators())
    return frozenset(f"{cls.__module__}.{cls.__name__}" for cls in classes if cls.__module__.startswith("sklearn."))


def _is_ufunc(node: dict[str, Any]) -> bool:
    """True for numpy's and scipy's own element-wise functions, which FunctionTransformer is often given."""
    module, name = node.get("__module__"), node.get("__class__")
    if not isinstance(module, str) or not isinstance(name, str):
        return False
    homes = {"numpy": np, "scipy": scipy.special}
    home = homes.get(module.partition(".")[0])
    return home is not None and isinstance(vars(home).get(name), np.ufunc)
