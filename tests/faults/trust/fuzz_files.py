"""What is fuzzed of stores: manifests and their YAML, records, the trust file, and the core's own formats."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from jubako._documents import parse_yaml
from jubako.errors import (
    ConfigurationError,
    InvalidManifest,
    StoreError,
)
from jubako.serializers.json import JsonSerializer
from jubako.serializers.npy import NpySerializer
from jubako.stores.manifests import read_bento_info, read_model_info, write_bento_info, write_model_info
from jubako.stores.sequence import Facts, Record
from jubako.stores.trust import TrustStore
from jubako.testing.serializer_tests import planted_files
from jubako.values.bento import BentoAPI, BentoInfo, BentoModel, BentoRunner
from jubako.values.manifest import FileEntry
from jubako.values.model import ModelContext, ModelInfo
from jubako.values.signature import Signature
from jubako.values.tag import Tag
from tests.faults.trust.fuzz_target import JSON_TOKENS, Target

_YAML = (
    *(b"!!python/object/apply:os.system", b"!!binary", b"!!set", b"!x", b"&a ", b"*a", b"<<: *a", b"? ", b": ", b"- "),
    *(b"[", b"]", b"{", b"}", b"|\n", b">-\n", b"#", b"---\n", b"...\n", b"%YAML 1.1\n", b"\xef\xbb\xbf", b"\xff\xfe"),
    *(b"~", b"null", b".inf", b".nan", b"0x", b"0b1", b"1:30:00", b"1e999", b"2026-13-45", b"2026-01-01 00:00:00Z"),
    *(b"path: ../../etc/passwd", b"path: /etc/passwd", b"size: -1", b"serializer: cloudpickle", b"\xc2\x85", b"\0"),
)

_TAG = Tag("iris", "k3f9a")
_CREATED = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
_FILES = (FileEntry("deep/weights.bin", 12, "0f" * 32), FileEntry("b", 0, "00" * 32))
_MODEL = ModelInfo(
    tag=_TAG,
    module="toy",
    serializer="npy",
    creation_time=_CREATED,
    context=ModelContext("0.1.0", "3.11.7", "toy", {"toy": "1.0"}, ("toy==1.0",)),
    signatures={"predict": Signature()},
    labels={"stage": "yes"},
    options={"method": "predict"},
    metadata={"scores": [0.5, 1e-9], "none": None, "on": True},
    files=_FILES,
    has_custom_objects=True,
)
_BENTO = BentoInfo(
    service="service:svc",
    tag=Tag("iris_service", "v1"),
    jubako_version="0.1.0",
    creation_time=_CREATED,
    labels={"team": "a"},
    models=(BentoModel(_TAG, "toy", "sha256:" + "0f" * 32, _CREATED),),
    runners=(BentoRunner("iris", "toy", ("iris:v1",)),),
    apis=(BentoAPI("classify", "classify", "NumpyNdarray", "JSON"),),
    build={"service": "service:svc", "include": ["*.py"]},
    files=_FILES,
)


def _manifest_seeds(folder: Path) -> list[bytes]:
    write_model_info(folder, _MODEL)
    write_bento_info(folder, _BENTO)
    return [(folder / name).read_bytes() for name in ("model.yaml", "bento.yaml")]


def _read_manifests(data: bytes, folder: Path) -> None:
    for name, read in (("model.yaml", read_model_info), ("bento.yaml", read_bento_info)):
        (folder / name).write_bytes(data)
        try:
            info: ModelInfo | BentoInfo = read(folder)
        except InvalidManifest:
            if name == "bento.yaml":
                raise
        else:
            # What is accepted can be described, hashed and written again.
            assert f"{info.digest} {info}".startswith("sha256:")
            return


def _revalued(draw: random.Random, data: bytes) -> bytes:
    """The document with the value of one or two of its keys exchanged, or a line put elsewhere."""
    lines = data.split(b"\n")
    for _ in range(draw.choice((1, 1, 2))):
        at = draw.randrange(len(lines))
        key, colon, _value = lines[at].partition(b": ")
        many = draw.choice((1, 3, 200, 3000))
        odd = (
            *(b"1" + b":1" * many, b"1" + b":1" * many + b".5", b"0x" + b"f" * many, b"9" * many, b"." + b"9" * many),
            *(b"&a [*a]", b"&a 1", b"*a", b"[" * many, b"{" * many, b"[" + b"[]," * many + b"]", b"'", b'"\\ud800"'),
            *(
                b'"\\0"',
                b"a" * many,
                b"!!python/object/apply:os.system [id]",
                b"2026-01-01 00:00:00+99:99",
                b"0001-01-01",
            ),
            *(
                b"9999-12-31 23:59:59-23:59",
                b".nan",
                b"-.inf",
                b"~",
                b"{}",
                b"[]",
                b"-1",
                b"true",
                b"2 ** 64",
                b"1e999",
            ),
        )
        if colon and draw.random() < 0.8:
            lines[at] = key + colon + draw.choice(odd)
        else:
            lines.insert(draw.randrange(len(lines)), lines.pop(at))
    return b"\n".join(lines)


def _store_record(folder: Path) -> Record:
    return Record(1, "v1", folder / "000000000001-0123456789abcdef-v1")


def _store_record_seeds(folder: Path) -> list[bytes]:
    record = _store_record(folder)
    return [record.encode(Facts(origin, "0f" * 32, ".draft-x")) for origin in ("saved", "https://example.org/é")]


def _read_store_record(data: bytes, folder: Path) -> None:
    record = _store_record(folder)
    record.path.write_bytes(data)
    facts = record.read()
    assert facts is not None
    assert record.encode(facts) == data


def _npy_seeds(folder: Path) -> list[bytes]:
    found = []
    for array in (
        np.arange(24.0).reshape(2, 3, 4),
        np.array(["a", "é"]),
        np.zeros(2, "i4,f8"),
        np.array(3),
        np.ones(0),
    ):
        (folder / "array.npy").unlink(missing_ok=True)
        NpySerializer().dump(array, folder)
        found.append((folder / "array.npy").read_bytes())
    return found


def _planted_npy(folder: Path) -> list[bytes]:
    return list(planted_files(_npy_seeds(folder)[0], folder / "canary"))[:12]


def _reheaded(draw: random.Random, data: bytes) -> bytes:
    """An array of another dtype and shape, with some of the bytes of this one."""
    numbers = (0, 1, 2, 3, 24, -1, 255, 2**31, 2**40, 2**63, 2**64, 10**30)
    shape = tuple(draw.choice(numbers) for _ in range(draw.choice((0, 1, 1, 2, 3, 40))))
    kinds = (
        "<f8",
        "|O",
        "<U9",
        "|V0",
        "<U0",
        "|b1",
        ">i4",
        "<M8[s]",
        "|S1000000000",
        "<c32",
        "x",
        "<f8,<i4",
        "4294967296V",
    )
    described = draw.choice([repr(draw.choice(kinds)), repr([("a", draw.choice(kinds)), ("b", "|O")]), "None", "[]"])
    text = f"{{'descr': {described}, 'fortran_order': {draw.choice((True, False, 1))}, 'shape': {shape}, }}"
    header = text.encode().ljust(117) + b"\n"
    version = draw.choice(((1, 0), (2, 0), (3, 0), (4, 0)))
    length = draw.choice((len(header),) * 8 + (0, 1, 65535)).to_bytes(2 if version == (1, 0) else 4, "little")
    return b"\x93NUMPY" + bytes(version) + length + header + data[128 : 128 + draw.choice((0, 8, 24, 192, 4096))]


def _read_npy(data: bytes, folder: Path) -> None:
    (folder / "array.npy").write_bytes(data)
    NpySerializer().load(folder)


def _read_json_file(data: bytes, folder: Path) -> None:
    (folder / "value.json").write_bytes(data)
    JsonSerializer().load(folder)


_DIGEST = "sha256:" + "0a" * 32


def _read_trust(data: bytes, folder: Path) -> None:
    path = folder / ".store" / "trust"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o600)
    if TrustStore(folder).is_trusted(_DIGEST):
        text = data.decode("utf-8", "replace").replace("\r", "\n")
        assert any(line.split()[:1] == [_DIGEST] for line in text.split("\n"))


def _read_yaml(data: bytes, _: Path) -> None:
    parse_yaml(data, "document")


FILES = (
    Target("manifests", _manifest_seeds, _read_manifests, (InvalidManifest,), _YAML, restructure=_revalued),
    Target("YAML", _manifest_seeds, _read_yaml, (ConfigurationError,), _YAML, restructure=_revalued),
    Target("store records", _store_record_seeds, _read_store_record, (StoreError,), JSON_TOKENS),
    Target("trust file", lambda _: [f"{_DIGEST} iris:v1 saved\n".encode()], _read_trust, (), (_DIGEST.encode(), b"\n")),
    Target(
        "npy",
        _npy_seeds,
        _read_npy,
        (InvalidManifest,),
        (b"'descr'", b"'|O'", b"'<U9'", b"(1,)", b"True", b"(", b"L"),
        restructure=_reheaded,
        planted=_planted_npy,
    ),
    Target("JSON files", lambda _: [b'{"a": [1, 2.5, null, "x"]}'], _read_json_file, (InvalidManifest,), JSON_TOKENS),
)
