from __future__ import annotations

import numpy as np
import pytest

from jubako.errors import InvalidManifest
from jubako.serializers.npy import NpySerializer
from jubako.testing.serializer_tests import SerializerTests


class TestNpy(SerializerTests):
    name = "npy"

    def objects(self):
        return [
            np.arange(24, dtype=np.int16).reshape(2, 3, 4),
            np.asfortranarray(np.linspace(0, 1, 12).reshape(3, 4)),
            np.array(3.5),
            np.empty((0, 3)),
            np.array(["a", "é"]),
            np.array([(1, 2.0)], dtype=[("id", "i4"), ("weight", "f8")]),
            np.array(["2026-01-01"], dtype="datetime64[D]"),
            np.arange(10)[::-2],
        ]

    def refused(self):
        return [np.array([object()], dtype=object), np.ma.masked_array([1, 2], [0, 1]), [1, 2], None]

    def same(self, written, read):
        return (
            type(read) is np.ndarray
            and written.dtype == read.dtype
            and written.shape == read.shape
            and bool((written == read).all())
        )


def test_a_header_that_claims_more_than_there_is_is_refused_without_taking_the_memory(tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000,), }"
    header += b" " * (117 - len(header)) + b"\n"
    (tmp_path / "array.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(InvalidManifest, match=r"array\.npy cannot be read as npy"):
        NpySerializer().load(tmp_path)
