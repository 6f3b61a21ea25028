"""What is fuzzed: every reader of bytes that others may have written, the errors it documents, and sound inputs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import orjson

from jubako._documents import parse_yaml
from jubako._references import load_reference
from jubako.backends.process.answer_codec import AnswerCodec
from jubako.backends.process.call_codec import CallCodec
from jubako.backends.process.error_codec import encode_error
from jubako.backends.process.frames import FrameReader, FrameType, InvalidFrame, encode_frame
from jubako.errors import (
    ConfigurationError,
    InternalServerError,
    InvalidArgument,
    InvalidManifest,
    RunnerFailed,
    StoreError,
)
from jubako.io import JSON, NumpyNdarray, Text
from jubako.payloads import PayloadTable
from jubako.plugins import compose
from jubako.runners.specs import MethodSpec
from jubako.serializers.json import JsonSerializer
from jubako.serializers.npy import NpySerializer
from jubako.serving.control import Counted, Failed, Planned, Prepare, RunnerState, StartReplica
from jubako.serving.wire import Decoder, encode
from jubako.settings import Settings
from jubako.stores.manifests import read_bento_info, read_model_info, write_bento_info, write_model_info
from jubako.stores.sequence import Facts, Record
from jubako.stores.trust import TrustStore
from jubako.testing.serializer_tests import planted_files
from jubako.values.bento import BentoAPI, BentoInfo, BentoModel, BentoRunner
from jubako.values.manifest import FileEntry
from jubako.values.model import ModelContext, ModelInfo
from jubako.values.placement import Placement
from jubako.values.plan import ModelRecipe, PinnedTag, Plan, PlannedTarget, RunnerPlan
from jubako.values.signature import Signature
from jubako.values.tag import Tag

_YAML = (
    *(b"!!python/object/apply:os.system", b"!!binary", b"!!set", b"!x", b"&a ", b"*a", b"<<: *a", b"? ", b": ", b"- "),
    *(b"[", b"]", b"{", b"}", b"|\n", b">-\n", b"#", b"---\n", b"...\n", b"%YAML 1.1\n", b"\xef\xbb\xbf", b"\xff\xfe"),
    *(b"~", b"null", b".inf", b".nan", b"0x", b"0b1", b"1:30:00", b"1e999", b"2026-13-45", b"2026-01-01 00:00:00Z"),
    *(b"path: ../../etc/passwd", b"path: /etc/passwd", b"size: -1", b"serializer: cloudpickle", b"\xc2\x85", b"\0"),
)
JSON_TOKENS = (
    *(b"[", b"]", b"{", b"}", b":", b",", b'"', b"null", b"true", b"NaN", b"-Infinity", b"1e400", b"-0", b"\\ud800"),
    *(
        b"\\u0000",
        b"\xff",
        b"9" * 400,
        b"[[[[[[[[",
        b'{"a":',
        b'"layout": "tree"',
        b'"layout": "bytes"',
        b"\xed\xa0\x80",
    ),
)
_TAGS = (
    b":",
    b"latest",
    b"..",
    b"/",
    b"\\",
    b"\0",
    b"\n",
    b"%2e",
    b"con",
    b" ",
    b"A",
    "\u202e".encode(),
    b"\xc3\xa9",
    b".",
)


@attrs.frozen
class Target:
    """A reader.

    Args:
        name: for people.
        seeds: sound inputs, made in a folder; each has to be accepted, or nothing behind it would be reached.
        read: gives it an input, and returns what tells one way to accept it from another; may use the folder.
        documented: what it may raise.
        tokens: pieces that mean something to it.
        memory_mib: that it may take; 0 where only memory that is really used counts, for address space is promised.
        restructure: makes an input of another one whose parts still fit each other.
        planted: inputs that may be refused, and others are made of all the same.
    """

    name: str
    seeds: Callable[[Path], list[bytes]]
    read: Callable[[bytes, Path], object]
    documented: tuple[type[Exception], ...]
    tokens: tuple[bytes, ...] = ()
    memory_mib: int = 100
    restructure: Callable[[random.Random, bytes], bytes] | None = None
    planted: Callable[[Path], list[bytes]] = lambda _: []


def _joined(pieces: Any) -> bytes:
    return b"".join(bytes(piece) for piece in pieces)


def _frames_of(data: bytes) -> Iterator[Any]:
    reader = FrameReader()
    rest = memoryview(data)
    while rest:
        space = reader.space()
        count = min(len(rest), len(space))
        space[:count] = rest[:count]
        rest = rest[count:]
        yield from reader.received(count)


_TABLE = PayloadTable(compose(candidates=()))
_SPEC = MethodSpec("run", "_run_batch", Signature())


def _call_frames(_: Path) -> list[bytes]:
    found = []
    for values, part in (
        ([np.arange(6.0).reshape(2, 3)], ["ndarray", {"dtype": "<f8", "shape": [2, 3]}, 1, 0]),
        ([b"[1,2]"], ["list", {"layout": "json"}, 1, 0]),
        ([b"a", b"b"], ["list", {"layout": "bytes"}, 2, 0]),
        ([b"x"], ["list", {"layout": "tree", "tree": ["l", ["b", 0], ["t", 1, ["i", "0x1"]]]}, 1, 0]),
        ([b"[1]"], ["scalar", {"layout": "json"}, 1, 2]),
    ):
        run = [[1, 2], True, [], 48, [1, 1], [True, True], [1e12, 1e12], [0.0, 0.0], [None, None], [0, 0], [part]]
        buffers = [value.tobytes() if isinstance(value, np.ndarray) else value for value in values]
        found.append(_joined(encode_frame(FrameType.CALLS, ["run", [run]], buffers)))
        span = [[1, 2], [0, 1], [1, 2], [True, True], 2, 0, part]
        found.append(_joined(encode_frame(FrameType.ANSWERS, ["run", [span], []], buffers)))
    errors = [[3, encode_error(RunnerFailed("x", why="y"))], [4, encode_error(ValueError("z"))]]
    found.append(_joined(encode_frame(FrameType.ANSWERS, ["run", [], errors])))
    found.append(_joined([*encode_frame(FrameType.PING, None), *encode_frame(FrameType.CREDIT, ["run", 4])]))
    return found


def _read_frames(data: bytes, _: Path) -> None:
    for _frame in _frames_of(data):
        pass


def _read_calls(data: bytes, _: Path) -> None:
    for frame in _frames_of(data):
        if frame.kind is FrameType.CALLS:
            CallCodec("runner", {"run": _SPEC}, _TABLE).decode(frame, lambda numbers, error: None)
        elif frame.kind is FrameType.ANSWERS:
            AnswerCodec("runner", _TABLE).decode(frame)


def _relay(draw: random.Random, data: bytes) -> bytes:
    """The frame with another meta and the same buffers, its lengths made to fit."""
    try:
        frame = next(iter(_frames_of(data)))
        meta = altered(draw, frame.meta)
        return _joined(encode_frame(frame.kind, meta, list(frame.buffers)))
    except (StopIteration, InvalidFrame, TypeError, orjson.JSONEncodeError):
        return data


def altered(draw: random.Random, value: Any) -> Any:
    """A JSON-like value with one of its parts exchanged, removed or doubled."""
    odd: list[Any] = [None, True, -1, 0, 2**31, 2**53, 1e308, "", "ndarray", "O", "<f8", "V8", "a", "t", [], {}, [[]]]
    if isinstance(value, list) and value and draw.random() < 0.85:
        at = draw.randrange(len(value))
        match draw.randrange(8):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return [*value[:at], value[at], *value[at:]]
            case _:
                return [*value[:at], altered(draw, value[at]), *value[at + 1 :]]
    if isinstance(value, dict) and value and draw.random() < 0.85:
        key = draw.choice(list(value))
        if draw.random() < 0.1:
            return {name: part for name, part in value.items() if name != key}
        return {**value, key: altered(draw, value[key])}
    return draw.choice(odd)


_TAG = Tag("iris", "k3f9a")
_PLAN = Plan(
    number=2,
    service="flowers",
    target=PlannedTarget("service", "/srv/service.py", "/srv", "/srv", "svc"),
    backend="process",
    models=(PinnedTag(_TAG, "sha256:0", is_latest=True),),
    runners=(RunnerPlan("iris", ModelRecipe("sklearn", _TAG, {"more": [1, None]}), (Placement(threads=2),)),),
)


def _record_seeds(_: Path) -> list[bytes]:
    said = [Planned(_PLAN), Prepare({"iris": ("/run/0-0",)}), RunnerState("iris", False, "it fails"), Counted("{}")]
    said += [StartReplica("iris", 1, Settings(), _PLAN), Failed("a", "b", "c")]
    return [b"".join(map(encode, said)), *map(encode, said)]


def _read_records(data: bytes, _: Path) -> None:
    for _record in Decoder().feed(data):
        pass


def _said_otherwise(draw: random.Random, data: bytes) -> bytes:
    try:
        text = orjson.dumps(altered(draw, orjson.loads(data[4:])))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, TypeError):
        return data
    return len(text).to_bytes(4, "big") + text


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


_DESCRIPTORS = (
    JSON(),
    NumpyNdarray(),
    NumpyNdarray(dtype="float32", shape=(-1, 2), enforce_shape=True, enforce_dtype=True),
    NumpyNdarray(dtype="str"),
    NumpyNdarray(dtype="datetime64[s]"),
    Text(),
)


def _read_bodies(data: bytes, _: Path) -> object:
    outcomes = []
    for descriptor in _DESCRIPTORS:
        try:
            outcomes.append(type(descriptor.decode(data, "")).__name__)
        except InvalidArgument as error:
            # BadInput and what descends from it: 400, 413, 415.
            if not 400 <= error.error_code < 500:
                raise AssertionError(f"{error!r} would be answered with {error.error_code}") from error
            place = error.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            outcomes.append(f"{type(error).__name__} {place.tb_lineno if place else 0}")
    return tuple(outcomes)


def _read_tag(data: bytes, _: Path) -> None:
    text = data.decode("utf-8", "surrogateescape")
    tag = Tag.from_str(text)
    assert Tag.from_str(str(tag)) == tag
    if tag.is_exact:
        assert len(tag.path().parts) == 2
        assert ".." not in tag.path().parts


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


_ALL = (
    Target("frames", _call_frames, _read_frames, (InvalidFrame,), JSON_TOKENS, 0, _relay),
    # Whatever else it raises costs the connection it came on: see FrameStream.
    Target("calls and answers", _call_frames, _read_calls, (Exception,), JSON_TOKENS, 0, _relay),
    Target("control records", _record_seeds, _read_records, (InternalServerError,), JSON_TOKENS, 100, _said_otherwise),
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
    Target(
        "request bodies",
        lambda _: [b"[[1, 2.5], [3, 4]]", b'{"a": ["x", null]}', b'["2026-01-01"]'],
        _read_bodies,
        (),
        JSON_TOKENS,
    ),
    Target("tags", lambda _: [b"iris:v1", b"a.b-c_d", b"iris:latest"], _read_tag, (InvalidArgument,), _TAGS),
)
TARGETS: Mapping[str, Target] = {target.name: target for target in _ALL}
# In a module of their own, for what they import takes longer than many an input.
ELSEWHERE: Mapping[str, str] = {"skops": "tests.faults.trust.fuzz_skops:SKOPS"}


def find_target(name: str) -> Target:
    """The target of that name."""
    found: Target = TARGETS[name] if name in TARGETS else load_reference(ELSEWHERE[name])
    return found
