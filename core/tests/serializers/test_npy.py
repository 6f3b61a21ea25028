from __future__ import annotations

import tracemalloc

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


@pytest.mark.parametrize("kind", ["|V0", "|O"])
def test_a_shape_that_no_array_can_have_is_refused(tmp_path, kind):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({10**30},), }}".encode().ljust(117) + b"\n"
    (tmp_path / "array.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(InvalidManifest, match=r"array\.npy cannot be read as npy"):
        NpySerializer().load(tmp_path)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("shape", ["(10000000000000,)", "(1073741824,)", "(2,)", "()", "(-1,)", "(1, 2)"])
def test_a_header_that_claims_other_than_there_is_is_refused_before_room_is_made_for_it(tmp_path, version, shape):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    length = len(header).to_bytes(2 if version == (1, 0) else 4, "little")
    (tmp_path / "array.npy").write_bytes(b"\x93NUMPY" + bytes(version) + length + header + bytes(12))
    tracemalloc.start()
    try:
        with pytest.raises(InvalidManifest, match=r"array\.npy cannot be read as npy"):
            NpySerializer().load(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_header_that_says_that_it_is_four_gigabytes_long_is_refused_without_reading_as_many(tmp_path):
    (tmp_path / "array.npy").write_bytes(b"\x93NUMPY\x02\x00" + b"\xff\xff\xff\xff" + b"{'descr': '<f8'")
    tracemalloc.start()
    try:
        with pytest.raises(InvalidManifest, match=r"array\.npy cannot be read as npy"):
            NpySerializer().load(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_names_of_fields_in_any_language_are_read(tmp_path):
    array = np.array([(1, 2.0)], dtype=[("番号", "i4"), ("重さ", "f8")])
    with pytest.warns(UserWarning, match=r"format 3\.0"):
        NpySerializer().dump(array, tmp_path)
    read = NpySerializer().load(tmp_path)
    assert read.dtype == array.dtype
    assert read.tolist() == array.tolist()
