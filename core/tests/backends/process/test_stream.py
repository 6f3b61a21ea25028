from __future__ import annotations

import asyncio
import socket

import numpy as np
import pytest

from jubako.backends.process.frames import FrameType, encode_frame
from jubako.backends.process.stream import FrameStream, is_peer_of_same_user

MIB = 2**20
PATIENCE_S = 60


class End:
    """One end of a pair of connected streams, and what it heard."""

    def __init__(self, connection):
        connection.setblocking(False)
        self.frames = []
        self.heard = asyncio.Event()
        self.ended = asyncio.get_running_loop().create_future()
        self.stream = FrameStream(asyncio.get_running_loop(), connection, self._take, self.ended.set_result)

    def _take(self, frame):
        self.frames.append(frame)
        self.heard.set()

    def send(self, meta=None, *buffers):
        self.stream.send(encode_frame(FrameType.PING, meta, buffers))

    async def has(self, count):
        while len(self.frames) < count:
            self.heard.clear()
            await asyncio.wait_for(self.heard.wait(), PATIENCE_S)
        return self.frames


@pytest.fixture
async def ends():
    made = [End(connection) for connection in socket.socketpair()]
    yield made
    for end in made:
        end.stream.close()


@pytest.fixture
async def end_and_socket():
    ours, theirs = socket.socketpair()
    end = End(ours)
    yield end, theirs
    end.stream.close()
    theirs.close()


async def test_large_arrays_go_both_ways_at_once_while_the_loop_turns(ends):
    left, right = ends
    arrays = [np.full(2 * MIB, float(index)) for index in range(4)]
    turns = 0
    is_done = False

    async def count_turns():
        nonlocal turns
        while not is_done:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count_turns())
    for index, array in enumerate(arrays):
        left.send(index, array)
        right.send(index, array)
    for end in (left, right):
        for frame in await end.has(4):
            np.testing.assert_array_equal(np.frombuffer(frame.buffers[0]), arrays[frame.meta])
    is_done = True
    await counting
    # A turn moves two megabytes each way at most, so that 128 need many.
    assert turns > 32


async def test_a_peer_that_does_not_read_blocks_nobody_and_gets_everything_later(end_and_socket):
    end, theirs = end_and_socket
    array = np.arange(MIB)
    for index in range(6):
        end.send(index, array)
    await asyncio.sleep(0)
    other = End(theirs)
    frames = await other.has(6)
    assert [frame.meta for frame in frames] == list(range(6))
    assert all(np.array_equal(np.frombuffer(frame.buffers[0], np.int64), array) for frame in frames)
    await asyncio.wait_for(end.stream.flushed(), PATIENCE_S)
    other.stream.close()


async def test_many_small_frames_arrive_in_order(ends):
    left, right = ends
    for number in range(20_000):
        left.send(number, b"abc")
    assert [frame.meta for frame in await right.has(20_000)] == list(range(20_000))


async def test_thousands_of_pieces_leave_in_one_frame(ends):
    left, right = ends
    buffers = [bytes([number % 256]) * 70_000 for number in range(1500)]
    left.send("many", *buffers)
    (frame,) = await right.has(1)
    assert [bytes(buffer) for buffer in frame.buffers] == buffers


async def test_the_end_of_the_peer_is_told_once(ends):
    left, right = ends
    left.stream.close()
    assert await asyncio.wait_for(right.ended, PATIENCE_S) == "it ended"
    right.send("nobody hears this")


async def test_an_end_within_a_frame_is_told_so(end_and_socket):
    end, theirs = end_and_socket
    theirs.send(encode_frame(FrameType.PING, "torn")[0][:-1])
    theirs.close()
    assert await asyncio.wait_for(end.ended, PATIENCE_S) == "it ended within a frame"
    assert end.frames == []


async def test_bytes_that_are_no_frame_end_the_connection(end_and_socket):
    end, theirs = end_and_socket
    theirs.send(b"GET / HTTP/1.1\r\n\r\n")
    assert "begins no frame" in await asyncio.wait_for(end.ended, PATIENCE_S)
    assert theirs.recv(1) == b""


async def test_a_reader_that_raises_ends_the_connection_only():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    ended = asyncio.get_running_loop().create_future()
    stream = FrameStream(asyncio.get_running_loop(), ours, lambda frame: frame.meta["key"], ended.set_result)
    theirs.send(encode_frame(FrameType.PING, [])[0])
    assert "was not understood: TypeError" in await asyncio.wait_for(ended, PATIENCE_S)
    stream.close()
    theirs.close()


async def test_a_sender_never_hears_of_the_end_while_it_sends(end_and_socket):
    end, theirs = end_and_socket
    theirs.close()
    end.send("into the void")
    assert not end.ended.done()
    await asyncio.wait_for(end.ended, PATIENCE_S)


def test_a_process_of_the_same_user_is_a_peer():
    left, right = socket.socketpair(socket.AF_UNIX)
    with left, right:
        assert is_peer_of_same_user(left)
