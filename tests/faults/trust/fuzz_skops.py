"""Archives of skops: the format that is data, and whose loader could do the most."""

from __future__ import annotations

import io
import json
import random
import zipfile
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from jubako.errors import InvalidManifest, ModelNotTrusted
from jubako.testing.serializer_tests import pickles_that_create, planted_files
from jubako_sklearn_runner.skops_serializer import SkopsSerializer
from tests.faults.trust.fuzz_target import JSON_TOKENS, Target, altered


def _skops_seeds(folder: Path) -> list[bytes]:
    x, y = [[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]
    models = [
        LinearRegression().fit(x, y),
        make_pipeline(StandardScaler(), FunctionTransformer(np.log1p)).fit(x),
        RandomForestClassifier(n_estimators=1, max_depth=1, random_state=0).fit(x, y),
        KNeighborsClassifier(1, algorithm="kd_tree").fit(x, y),
    ]
    found = []
    for number, model in enumerate(models):
        place = folder / str(number)
        place.mkdir(exist_ok=True)
        (place / "model.skops").unlink(missing_ok=True)
        SkopsSerializer().dump(model, place)
        found.append((place / "model.skops").read_bytes())
    return found


def _planted_skops(folder: Path) -> list[bytes]:
    sound = (folder / "0" / "model.skops").read_bytes()
    return [*pickles_that_create(folder / "canary"), *list(planted_files(sound, folder / "canary"))[:12]]


def _read_skops(data: bytes, folder: Path) -> None:
    (folder / "model.skops").write_bytes(data)
    SkopsSerializer().load(folder)


_NODES = (
    "ObjectNode",
    "FunctionNode",
    "MethodNode",
    "PartialNode",
    "TypeNode",
    "ReduceNode",
    "JsonNode",
    "NdArrayNode",
)
_EVIL = (
    *(("os", "system"), ("builtins", "eval"), ("builtins", "exec"), ("subprocess", "Popen"), ("pickle", "loads")),
    *(("operator", "methodcaller"), ("functools", "partial"), ("io", "open"), ("numpy", "load"), ("joblib", "load")),
    *(
        ("sklearn.utils", "Bunch"),
        ("numpy", "ndarray"),
        ("builtins", "object"),
        ("builtins", "type"),
        ("ctypes", "CDLL"),
    ),
)


def _rearchived(draw: random.Random, data: bytes) -> bytes:
    """The archive with another schema or another member, and a directory that fits."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        schema = json.loads(members["schema.json"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, NotImplementedError, RecursionError):
        return data
    nodes = [schema] if isinstance(schema, dict | list) else []
    for node in nodes:  # grows while it is walked
        parts = node.values() if isinstance(node, dict) else node
        nodes += [part for part in parts if isinstance(part, dict | list)]
    node = draw.choice([node for node in nodes if isinstance(node, dict)] or [{}])
    match draw.randrange(5):
        case 0:
            node["__module__"], node["__class__"] = draw.choice(_EVIL)
        case 1:
            node["__loader__"] = draw.choice(_NODES)
        case 2 if node:
            key = draw.choice(list(node))
            node[key] = altered(draw, node[key])
        case 3:
            name = draw.choice(list(members))
            cut = draw.randrange(len(members[name]) + 1)
            members[name] = members[name][:cut] + draw.randbytes(draw.choice((0, 1, 8))) + members[name][cut + 1 :]
        case _:
            schema = altered(draw, schema)
    if "schema.json" in members:
        members["schema.json"] = json.dumps(schema).encode()
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


SKOPS = Target(
    "skops",
    _skops_seeds,
    _read_skops,
    (InvalidManifest, ModelNotTrusted),
    JSON_TOKENS,
    restructure=_rearchived,
    planted=_planted_skops,
)
