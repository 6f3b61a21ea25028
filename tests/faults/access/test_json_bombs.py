"""JSON that is made to break what reads it, and arrays that are not what they say."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jubako.errors import BadInput
from jubako.io import NumpyNdarray
from tests.faults.access.asking import ask, send
from tests.faults.access.targets import DESCRIPTORS, JSON_READERS
from tests.faults.state import resident_kib
from tests.faults.watched import Request

MIB = 2**20

BOMBS = {
    "100,000 open lists": b"[" * 100_000,
    "100,000 lists": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "lists and objects in turn": b'[{"a":' * 50_000 + b"1" + b"}]" * 50_000,
    "1,025 lists": b"[" * 1025 + b"]" * 1025,
    "an integer of a million digits": b"1" * 1_000_000,
    "a negative one": b"-" + b"1" * 1_000_000,
    "one in a list": b"[" + b"9" * 1_000_000 + b"]",
    "an exponent of a million": b"1e1000000",
    "a float beyond all": b"[1e309]",
    "NaN": b"NaN",
    "NaN in a list": b"[1, NaN]",
    "Infinity": b"Infinity",
    "-Infinity": b"[-Infinity]",
    "equal names": b'{"name": 1, "name": 2}',
    "equal names, one escaped": b'{"name": 1, "\\u006eame": 2}',
    "equal names, deep down": b'[{"rows": [{"a": 1, "a": 2}]}]',
    "a lone surrogate": b'"\\ud800"',
    "a surrogate alone in UTF-8": b'"\xed\xa0\x80"',
    "surrogates in the wrong order": b'["\\udc00\\ud800"]',
    "overlong UTF-8": b'"\xc0\xaf"',
    "UTF-16": '["a"]'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf[1]",
    "a null": b"[1\x00]",
    "nulls": b"\x00" * 1000,
    "a bare line feed in a text": b'"a\nb"',
    "two values": b"[1] [2]",
    "a comma too many": b"[1,]",
    "a leading zero": b"[01]",
    "a plus": b"[+1]",
    "hexadecimal": b"[0x10]",
    "single quotes": b"['a']",
    "a comment": b"[1] // one",
    "half of it": b"[1, 2",
    "nothing": b"",
    "spaces": b" " * 100_000,
}

# Valid, and heavier than they look: an answer or a refusal, but no failure.
HEAVY = {
    "400,000 empty lists": b"[" + b"[]," * 399_999 + b"[]]",
    "400,000 empty objects": b"[" + b"{}," * 399_999 + b"{}]",
    "200,000 names": ("{" + ",".join(f'"{number}":0' for number in range(200_000)) + "}").encode(),
    "one long text among short ones": json.dumps(["x" * 2_000_000, *["y"] * 200_000]).encode(),
    "lists of unequal lengths": json.dumps([*[[1, 2]] * 200_000, [1]]).encode(),
    "1,024 lists": b"[" * 1024 + b"]" * 1024,
    "65 lists": b"[" * 65 + b"1" + b"]" * 65,
    "64 lists": b"[" * 64 + b"1" + b"]" * 64,
    "many wrong values": b'{"name":"a","sizes":[' + b'"x",' * 200_000 + b'"x"]}',
    "integers of 300 digits": b"[" + b",".join([b"1" * 300] * 10_000) + b"]",
}


@pytest.mark.row("json-bombs")
def test_json_bombs_are_refused_by_every_reader_and_never_fail(attack, figures):
    server = attack(DESCRIPTORS, good=Request("/array", "[[1, 2]]"))
    answers = {
        (reader, name): ask(server.port, f"/{reader}", body) for reader in JSON_READERS for name, body in BOMBS.items()
    }
    refused = [key for key, answer in answers.items() if answer.status in (400, 413)]
    assert refused == list(answers), {key: answer for key, answer in answers.items() if key not in refused}
    for answer in answers.values():
        assert answer.headers["content-type"] == "application/problem+json"
        assert len(answer.body) < 2000
    # The same with names twice in a body that the model would take.
    assert ask(server.port, "/flower", b'{"name": "a", "sizes": [1], "sizes": [2]}').status == 400
    assert ask(server.port, "/flower", b'{"name": "a", "sizes": [1]}').status == 200
    figures(refused=f"{len(refused)} of {len(answers)}", server_errors=0)


@pytest.mark.row("json-bombs")
def test_heavy_but_valid_json_is_answered_or_refused(attack, figures):
    server = attack(DESCRIPTORS, good=Request("/array", "[[1, 2]]"))
    worker = server.pids("jubako-api")[0]
    statuses = {
        (reader, name): ask(server.port, f"/{reader}", body).status
        for reader in ("array", "table", "value", "flower")
        for name, body in HEAVY.items()
    }
    assert set(statuses.values()) <= {200, 400, 413}, statuses
    assert statuses["array", "one long text among short ones"] == 413
    figures(heavy=f"{len(statuses)} without a failure", worker_mib=resident_kib(worker) // 1024)


@pytest.mark.row("json-bombs")
@pytest.mark.parametrize("framing", ["declared", "in chunks"])
def test_an_array_of_200_mb_is_refused_before_it_is_read(attack, framing):
    server = attack(DESCRIPTORS, good=Request("/array", "[[1, 2]]"))
    worker = server.pids("jubako-api")[0]
    before = resident_kib(worker)
    piece = b"1," * (MIB // 2)
    head = b"POST /value HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    if framing == "declared":
        answer = send(server.port, head + b"content-length: %d\r\n\r\n[" % (200 * MIB), [piece] * 200)
    else:
        chunk = b"%x\r\n%s\r\n" % (len(piece), piece)
        answer = send(server.port, head + b"transfer-encoding: chunked\r\n\r\n1\r\n[\r\n", [chunk] * 200)
    # A client that goes on sending may lose the answer to the reset that ends it.
    assert answer.status in (0, 413)
    assert resident_kib(worker) - before < 100 * 1024


LIES = {
    "table": [b"[[1,2,3]]", b"[[1,2,3,4,5]]", b"[1,2,3,4]", b"[[[1,2,3,4]]]", b"4", b"[[1,2,3,4],[1,2,3]]", b"null"],
    "huge": [b"[]", b"[1]", b"[[1]]", b"[[],[]]", b"[[1,2],[3,4]]"],
    "as_float32": [b'["1"]', b"[{}]", b"[1e39]", b"[-1e300]", b"{}", b'"x"'],
    "as_int8": [b"[128]", b"[-129]", b"[1.5]", b"[9223372036854775808]", b"[1e300]", b'["1"]', b"[null]"],
    "as_uint8": [b"[-1]", b"[256]", b"[0.1]"],
    "as_int64": [b"[9223372036854775808]", b"[18446744073709551616]", b"[1e19]", b"[-1e300]"],
    "as_uint64": [b"[-1]", b"[18446744073709551616]", b"[1.8446744073709552e19]"],
    "as_float16": [b"[65520]", b"[-1e5]", b"[1e308]"],
    "as_float64": [b'["1.0"]', b"[[1],[2,3]]", b'[{"a":1}]'],
    "as_bool": [b"[1]", b"[0]", b'["true"]', b"[1.0]"],
    "as_U3": [b'["four"]', b"[1]", b"[null]", b'[["a"],["b","c"]]'],
    "as_datetime64_s": [b'["2020-13-01"]', b'["yesterday"]', b"[1]", b'["99999999999999-01-01"]'],
    "as_complex64": [b'["1j"]', b"[[1],[2,3]]", b"[1e39]"],
}


@pytest.mark.row("dtype-lie")
def test_arrays_that_are_not_what_was_declared_are_refused_before_anything_is_allocated(attack, figures):
    server = attack(DESCRIPTORS, good=Request("/array", "[[1, 2]]"))
    worker = server.pids("jubako-api")[0]
    before = resident_kib(worker)
    answers = {(reader, body): ask(server.port, f"/{reader}", body) for reader in LIES for body in LIES[reader]}
    assert {key: answer.body for key, answer in answers.items() if answer.status != 400} == {}
    assert all(answer.json["expected"] for answer in answers.values())
    grown = resident_kib(worker) - before
    assert grown < 20 * 1024
    figures(refused=f"{len(answers)} of {len(answers)}", memory_grown_kib=max(0, grown))


NUMBERS = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([2**63, -(2**63), 2**64, 1e308, 5e-324, -0.0])
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
)
DTYPES = ["?", "i1", "u1", "<i4", ">i8", "u8", "f2", "f4", "f8", "g", "c8", "U2", "U", "M8[s]", "M8[ns]", "O"]
SHAPES = [None, (-1,), (2,), (-1, 2), (0,), (), (-1, -1, -1), (2**31, 2**31), (2**62, -1), (3, -1)]


@pytest.mark.row("dtype-lie")
@pytest.mark.quick
@given(VALUES, st.sampled_from(DTYPES), st.sampled_from(SHAPES), st.booleans(), st.booleans())
@settings(max_examples=600, deadline=None)
def test_any_json_becomes_the_declared_array_or_bad_input(value, dtype, shape, enforce_dtype, enforce_shape):
    enforce_shape = enforce_shape and shape is not None
    descriptor = NumpyNdarray(dtype, enforce_dtype, shape, enforce_shape)
    try:
        array = descriptor.decode(json.dumps(value).encode(), "application/json")
    except BadInput:
        return
    if enforce_dtype:
        assert array.dtype.kind == descriptor._dtype.kind
    if enforce_shape:
        assert array.ndim == len(shape)
        assert all(length in (-1, actual) for length, actual in zip(shape, array.shape, strict=True))
