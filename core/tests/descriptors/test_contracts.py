from __future__ import annotations

from pathlib import Path

import numpy as np

from jubako.io import JSON, File, FileLike, Multipart, NumpyNdarray, Text
from jubako.testing import DescriptorTests


class TestNumpyNdarray(DescriptorTests):
    def descriptor(self):
        return NumpyNdarray()

    def values(self):
        return [
            np.array([[5.1, 3.5, 1.4, 0.2]]),
            np.arange(24).reshape(2, 3, 4),
            np.array([True, False]),
            np.array(["a", "Ä", ""]),
            np.array(7),
            np.array([]),
            np.array([2**63 - 1, -(2**63)]),
            np.array([2**64 - 1], dtype=np.uint64),
            np.array([np.nan, 1.0]),
        ]

    def refused_bodies(self):
        return [
            b"",
            b"[1,",
            b"[[1],[2,3]]",
            b'[1,"a"]',
            b"{}",
            b"null",
            b"[NaN]",
            b"\xff",
            b"[" * 100_000 + b"]" * 100_000,
        ]

    def refused_values(self):
        return [[1, 2], "text", None, np.array([1j]), np.array([b"bytes"])]

    def same(self, left, right):
        return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=left.dtype.kind == "f")


class TestEnforcedNumpyNdarray(TestNumpyNdarray):
    def descriptor(self):
        return NumpyNdarray(dtype="float32", enforce_dtype=True, shape=(-1, 2), enforce_shape=True)

    def values(self):
        return [np.zeros((3, 2), np.float32), np.array([[0.1, np.nan]], np.float32), np.zeros((0, 2), np.float32)]

    def refused_bodies(self):
        return [b"[1, 2]", b"[[1, 2, 3]]", b"[[1e300, 1]]", b'[["a", "b"]]', b"[[]]", b"3"]

    def refused_values(self):
        return [np.zeros(2), np.zeros((1, 3)), np.array([["a", "b"]])]


class TestJSON(DescriptorTests):
    def descriptor(self):
        return JSON()

    def values(self):
        return [None, True, 0, -1.5, 2**64 - 1, "", "Ä\U0001f600", [], {}, {"a": [1, {"b": None}]}, [[]] * 3]

    def refused_bodies(self):
        deep = b'{"a":' * 100_000
        huge = b"9" * 1_000_000
        return [b"", b" ", b"{", b"nul", b"[NaN]", b"Infinity", b"'a'", b'"\xff"', rb'"\ud800"', deep, huge, b"[1]x"]

    def refused_values(self):
        return [object(), "\ud800", {"a": b"bytes"}, 1j]


class TestText(DescriptorTests):
    def descriptor(self):
        return Text()

    def values(self):
        return ["", "plain", "Ä\r\n\0\U0001f600"]

    def refused_bodies(self):
        return [b"\xff\xfe", "Ä".encode("latin-1")]

    def refused_values(self):
        return [None, 1, b"bytes", "\ud800"]


class TestFile(DescriptorTests):
    def descriptor(self):
        return File()

    def values(self):
        return [FileLike(b""), FileLike(bytes(range(256)), name='a "b" Ä.bin')]

    def refused_values(self):
        return ["text", None, 3, Path("/nonexistent/file")]

    def same(self, left, right):
        return left.bytes_ == right.bytes_


class TestFileOfOneKind(DescriptorTests):
    def descriptor(self):
        return File("application/pdf", python_type=bytes)

    def values(self):
        return [b"", b"%PDF"]


class TestFileByPath(DescriptorTests):
    def descriptor(self):
        return File("text/csv", python_type=Path)

    def values(self):
        return [b"", b"a,b"]

    def same(self, left, right):
        return left.read_bytes() == right


class TestMultipart(DescriptorTests):
    needs_parameters = True

    def descriptor(self):
        return Multipart(meta=JSON(), note=Text(), data=File(python_type=bytes))

    def values(self):
        return [
            {"meta": {"a": [1]}, "note": "Ä", "data": b""},
            {"meta": None, "note": "", "data": b"\r\n--a\r\n" * 3},
        ]

    def refused_values(self):
        return [None, {}, {"meta": 1, "note": "a"}, {"meta": 1, "note": 1, "data": b""}]
