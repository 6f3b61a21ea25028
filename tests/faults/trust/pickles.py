"""Pickles that leave a file behind when they are read, and the frames, records and bodies that carry them."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from jubako.backends.process.call_codec import CallCodec
from jubako.backends.process.frames import FrameType, encode_frame
from jubako.backends.process.worker_connection import PROTOCOL
from jubako.contracts.backend import RunnerCall
from jubako.dispatch.messages import SentCall
from jubako.payloads import PayloadTable
from jubako.plugins import compose
from jubako.runners.arguments import prepare_arguments
from jubako.runners.specs import MethodSpec
from jubako.testing.serializer_tests import pickles_that_create, planted_files
from jubako.values.signature import Signature

# What other servers have taken for a reason to unpickle.
MEDIA_TYPES = (
    "application/vnd.bentoml+pickle",
    "application/vnd.bentoml.multiple_outputs",
    "application/vnd.apache.parquet",
    "application/x-pickle",
    "application/x-python-pickle",
    "application/python-pickle",
    "application/x-npy",
    "application/x-joblib",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=edge",
    "text/plain",
    "application/json",
)
HEADERS = {
    "Payload-Container": "PickledContainer",
    "Payload-Meta": "{}",
    "Batch-Size": "1",
    "Args-Number": "1",
    "Content-Encoding": "identity",
}


class Opens:
    """Opens a file for writing when it is unpickled.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return io.open, (str(self.path), "w")


def bodies(canary: Path) -> list[bytes]:
    """Bodies of requests: pickles bare, compressed, in arrays, in archives, and as parts of forms."""
    plain = list(planted_files(b"[1.0]", canary))
    part = b'--edge\r\nContent-Disposition: form-data; name="value"; filename="a.pkl"\r\n'
    kinds = (b"application/octet-stream", b"application/vnd.bentoml+pickle", b"application/json")
    forms = [
        part + b"Content-Type: " + kind + b"\r\n\r\n" + pickled + b"\r\n--edge--\r\n"
        for kind in kinds
        for pickled in pickles_that_create(canary)
    ]
    return plain + forms


def records(canary: Path) -> list[bytes]:
    """What a control link would have to unpickle: bare, behind a length, and inside of records."""
    found = []
    for pickled in pickles_that_create(canary):
        found += [pickled, struct.pack(">I", len(pickled)) + pickled]
        for fields in ({"snapshot": pickled.decode("latin-1")}, pickled.decode("latin-1"), [pickled.decode("latin-1")]):
            text = orjson.dumps({"record": "Counted", "fields": fields})
            found.append(struct.pack(">I", len(text)) + text)
    return found


def frames(canary: Path) -> list[bytes]:
    """What a replica would have to unpickle, but no frame that a worker sends."""
    hello = _joined(encode_frame(FrameType.HELLO, {"protocol": PROTOCOL}))
    found = []
    for pickled in pickles_that_create(canary):
        text = pickled.decode("latin-1")
        found += [pickled, hello + pickled, hello + struct.pack("<Q", len(pickled)) + pickled]
        found += [_joined(encode_frame(FrameType.HELLO, meta, [pickled])) for meta in ({"protocol": PROTOCOL}, text)]
        for kind in FrameType:
            found += [
                hello + _joined(encode_frame(kind, meta, [pickled])) for meta in (text, ["run", text], [[1], text])
            ]
        for layout in ({"dtype": "O", "shape": [1]}, {"layout": "json"}, {"layout": "bytes"}, {"layout": "tree"}):
            for name in ("ndarray", "list", "scalar", "tuple", "dataframe", "os:system", "pickle:loads"):
                found.append(hello + _joined(encode_frame(FrameType.CALLS, _call([name, layout, 1, 0]), [pickled])))
    return found


def sound_frame(method: str, canary: Path) -> bytes:
    """What a worker of ours sends when a call has an argument that only a pickle can carry."""
    table = PayloadTable(compose(candidates=()))
    spec = MethodSpec(method, "_run_batch", Signature())
    arguments = prepare_arguments(RunnerCall(method, ([Opens(canary)],), {}, False, 1e12), spec, table)
    refused: list[object] = []
    codec = CallCodec("runner", {method: spec}, table)
    pieces = codec.encode(method, [SentCall(1, arguments, 1e12, 0.0)], lambda *what: refused.append(what))
    assert not refused
    return _joined([*encode_frame(FrameType.HELLO, {"protocol": PROTOCOL}), *pieces])


def routes_of(document: bytes) -> Iterator[str]:
    """Every route that a server's OpenAPI document names, and what other servers have had."""
    yield from orjson.loads(document)["paths"]
    yield from (
        "/",
        "/docs.json",
        "/healthz",
        "/livez",
        "/readyz",
        "/metrics",
        "/run",
        "/predict",
        "/v1/models",
        "/rpc",
    )


def _call(part: list[Any]) -> list[Any]:
    return ["run", [[[1], True, [], 8, [1], [True], [1e12], [0.0], [None], [0], [part]]]]


def _joined(pieces: Any) -> bytes:
    return b"".join(bytes(piece) for piece in pieces)
