"""`jubako get` and `jubako models get`: everything that is known of one version."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jubako.cli._output import show
from jubako.cli._progress import format_bytes
from jubako.cli._stores import local_time
from jubako.cli._tables import format_table
from jubako.contracts.store import Store
from jubako.stores.manifests import info_data, read_info
from jubako.values.bento import BentoInfo
from jubako.values.model import ModelInfo
from jubako.values.tag import Tag


def show_version(store: Store, text: str, output: str) -> None:
    """Write what is known of a version; of its path only the path.

    Raises:
        NotFound: there is none.
        InvalidManifest: its manifest cannot be read.
    """
    tag = store.resolve(Tag.from_str(text))
    path = store.open(tag)
    if output == "path":
        show({"path": os.fspath(path)}, output)
        return
    info = read_info(path, store.kind)
    size_bytes = sum(entry.size_bytes for entry in info.files)
    data = {
        "tag": str(tag),
        **info_data(info),
        "digest": info.digest,
        "size_bytes": size_bytes,
        "origin": store.origin(tag),
        "path": os.fspath(path),
    }
    show(data, output, lambda width: _page(info, data, path, width), ids=lambda: [str(tag)])


def _page(info: ModelInfo | BentoInfo, data: Mapping[str, Any], path: Path, width: int) -> str:
    facts = {
        "tag": str(info.tag),
        **(_model_facts(info) if isinstance(info, ModelInfo) else _bento_facts(info)),
        "created": local_time(info.creation_time),
        "labels": _pairs(info.labels),
        "size": f"{format_bytes(data['size_bytes'])} in {_count(info.files, 'file')}",
        "digest": info.digest,
        "origin": {"": "not recorded"}.get(data["origin"], data["origin"]),
        "path": os.fspath(path),
    }
    (name, first), *rest = [(key, value) for key, value in facts.items() if value]
    return format_table((name, first), rest, width)


def _model_facts(info: ModelInfo) -> dict[str, str]:
    return {
        "module": info.module or "none: files of its own",
        "format": info.serializer,
        "methods": ", ".join(info.signatures),
        "saved with": _pairs({"python": info.context.python_version, **info.context.framework_versions}, " "),
        "metadata": _pairs(info.metadata),
        "custom objects": "yes" if info.has_custom_objects else "",
    }


def _bento_facts(info: BentoInfo) -> dict[str, str]:
    return {
        "service": info.service,
        "apis": ", ".join(f"{api.name} (/{api.route})" for api in info.apis),
        "runners": ", ".join(f"{runner.name} ({runner.runner_type})" for runner in info.runners),
        "models": ", ".join(str(model.tag) for model in info.models),
        "built with": f"jubako {info.jubako_version}",
    }


def _pairs(pairs: Mapping[str, Any], between: str = "=") -> str:
    return ", ".join(f"{key}{between}{value}" for key, value in pairs.items())


def _count(things: Any, noun: str) -> str:
    return f"{len(things):,} {noun}{'' if len(things) == 1 else 's'}"
