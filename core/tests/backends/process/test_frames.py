from __future__ import annotations

import contextlib
import resource
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jubako.backends.process import frames
from jubako.backends.process.frames import FrameReader, FrameTooLarge, FrameType, InvalidFrame, encode_frame

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
BUFFERS = st.lists(st.binary(max_size=300) | st.integers(65_000, 140_000).map(bytes), max_size=5)
MESSAGES = st.tuples(st.sampled_from(FrameType), JSON, BUFFERS)


def read(data, sizes=()):
    """All frames of some bytes, which arrive in portions of these sizes and then as they fit."""
    reader = FrameReader()
    found = []
    rest = memoryview(data)
    portions = iter(sizes)
    while rest:
        space = reader.space()
        assert len(space) > 0
        count = min(len(rest), len(space), next(portions, len(rest)))
        space[:count] = rest[:count]
        rest = rest[count:]
        found += reader.received(count)
    return found, reader.is_between_frames


@settings(max_examples=150)
@given(messages=st.lists(MESSAGES, min_size=1, max_size=4), sizes=st.lists(st.integers(1, 70_000), max_size=40))
def test_what_is_written_is_read_however_it_arrives(messages, sizes):
    data = b"".join(bytes(piece) for message in messages for piece in encode_frame(*message))
    found, is_between = read(data, sizes)
    assert is_between
    assert [(frame.kind, frame.meta, [bytes(buffer) for buffer in frame.buffers]) for frame in found] == messages


@given(message=MESSAGES, cut=st.floats(0, 1, exclude_max=True))
def test_a_part_of_a_frame_is_no_frame(message, cut):
    data = b"".join(bytes(piece) for piece in encode_frame(*message))
    found, is_between = read(data[: int(cut * len(data))])
    assert found == []
    assert is_between == (int(cut * len(data)) == 0)


@settings(max_examples=300)
@given(data=st.binary(max_size=4000))
def test_any_bytes_are_a_frame_or_an_error(data):
    with contextlib.suppress(InvalidFrame):
        read(data)


@settings(max_examples=300)
@given(message=MESSAGES, place=st.integers(0, 200), value=st.integers(0, 255))
def test_a_frame_with_a_wrong_byte_is_a_frame_or_an_error(message, place, value):
    data = bytearray(b"".join(bytes(piece) for piece in encode_frame(*message)))
    data[place % len(data)] = value
    with contextlib.suppress(InvalidFrame):
        read(bytes(data))


@settings(max_examples=300)
@given(
    version=st.integers(0, 2),
    kind=st.integers(0, 12),
    zeros=st.integers(0, 1),
    meta_bytes=st.integers(0, 2**32 - 1) | st.integers(0, 20),
    count=st.integers(0, 2**32 - 1) | st.integers(0, 3),
    rest=st.binary(max_size=100),
)
def test_any_header_is_a_frame_or_an_error(version, kind, zeros, meta_bytes, count, rest):
    with contextlib.suppress(InvalidFrame):
        read(struct.pack("<4sBBHII", b"JBK1", version, kind, zeros, meta_bytes, count) + rest)


@pytest.mark.parametrize(
    ("meta_bytes", "lengths"),
    [(frames.MAX_META_BYTES + 1, ()), (2, (2**63,)), (2, (2**30 - 16, 17)), (2, (2**64 - 1, 2))],
)
def test_more_than_a_cap_is_an_error_before_memory_is_taken(meta_bytes, lengths):
    header = struct.pack("<4sBBHII", b"JBK1", 1, FrameType.CALLS, 0, meta_bytes, len(lengths))
    with pytest.raises(InvalidFrame, match="too large"):
        read(header + b"{}" + struct.pack(f"<{len(lengths)}Q", *lengths))


def test_more_buffers_than_a_cap_are_an_error():
    with pytest.raises(InvalidFrame, match="65537 buffers is too large"):
        read(struct.pack("<4sBBHII", b"JBK1", 1, FrameType.CALLS, 0, 2, 65537))


def test_a_promise_of_a_gigabyte_takes_no_memory_until_it_is_kept():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    header = struct.pack("<4sBBHII", b"JBK1", 1, FrameType.CALLS, 0, 2, 1) + b"{}" + struct.pack("<Q", 2**30 - 16)
    readers = []
    for _ in range(20):
        reader = FrameReader()
        reader.space()[: len(header)] = header
        assert reader.received(len(header)) == []
        readers.append(reader)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


def test_large_buffers_are_not_copied_and_small_ones_are_joined():
    large, small = np.arange(100_000), np.arange(10)
    pieces = encode_frame(FrameType.ANSWERS, None, [small.data, large.data, small.data])
    assert len(pieces) == 3
    assert np.shares_memory(np.frombuffer(pieces[1], np.int64), large)


@pytest.mark.parametrize("count", [10, 100_000])
def test_buffers_are_aligned_and_writable(count):
    array = np.arange(count, dtype=np.float64)
    data = b"".join(bytes(piece) for piece in encode_frame(FrameType.ANSWERS, None, [b"x", array.data, array.data]))
    ((_, _, buffers),), _ = read(data)
    for buffer in buffers[1:]:
        read_array = np.frombuffer(buffer, np.float64)
        assert read_array.ctypes.data % 16 == 0
        read_array[0] = 7.0
    np.testing.assert_array_equal(read_array[1:], array[1:])


def test_what_exceeds_a_cap_is_not_sent():
    with pytest.raises(FrameTooLarge, match="65537 buffers cannot be sent"):
        encode_frame(FrameType.CALLS, None, [b""] * 65537)
    with pytest.raises(FrameTooLarge, match="cannot be sent to another process"):
        encode_frame(FrameType.CALLS, "x" * (frames.MAX_META_BYTES + 1))
