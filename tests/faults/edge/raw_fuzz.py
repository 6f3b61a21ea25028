"""A fuzzer of HTTP in bytes: mutations of right and wrong requests, in HTTP/1.1 and HTTP/2, from a seed.

    python -m tests.faults.edge.raw_fuzz PORT --seconds 1200 [--api '/classify=[5.1, 3.5, 1.4, 0.2]'] [--seed 7]

No input may be answered with 5xx, but 501 where a transfer coding is named and 504 where a time is asked for; and a
good request has to succeed all the while. Inputs that fail are written as Python bytes, with the number under which
`--seed S --only N` makes the same again.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence

import attrs
import hpack
from hyperframe.frame import Frame, HeadersFrame

from tests.faults.edge.corpus import PREFACE, corpus
from tests.faults.edge.raw import leave

CALLERS = 24
SILENCE_S = 0.1
PATIENCE_S = 20.0
GOOD_EVERY = 200

DEFAULT_APIS = {b"/echo": b'{"a": [1, -2.5e3, null, "\\u00e9\\n"]}', b"/double": b"[21, 0]"}

_HUNG = b"<neither answered nor closed>"

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")

TOKENS = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"\n\n",
        b"\0",
        b" ",
        b"\t",
        b"\x0b",
        b":",
        b";",
        b",",
        b"=",
        b"%",
        b"?",
        b"#",
    ),
    *(b"%00", b"%0d%0a", b"%2e%2e%2f", b"..", b"//", b"http://", b"https://localhost", b"*", b"\xff", b"\xc3\x28"),
    *(
        b"0",
        b"-1",
        b"+1",
        b"1_0",
        b"0x10",
        b"9" * 25,
        b"18446744073709551616",
        b"1e999",
        b"NaN",
        b"[" * 500,
        b'"\\ud800"',
    ),
    *(b"chunked", b"identity", b"transfer-encoding: chunked\r\n", b"content-length: 3\r\n", b"host: localhost\r\n"),
    *(
        b"connection: close\r\n",
        b"connection: keep-alive, upgrade\r\n",
        b"expect: 100-continue\r\n",
        b"HTTP/1.0",
        b"HTTP/2.0",
    ),
    *(b"a" * 20_000, b"x: y\r\n" * 300, b"1\r\n1\r\n" * 200, b"x-request-timeout: 0\r\n", PREFACE),
    *(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x7f\xff\xff\xff"),
)


@attrs.frozen
class Case:
    """One connection.

    Args:
        number: under which it is made again from the same seed.
        pieces: that are sent one after the other.
        ending: what the client does then: `end` its side, wait, or `reset` the connection at once.
    """

    number: int
    pieces: tuple[bytes, ...]
    ending: str


@attrs.define
class Findings:
    """What came of all cases.

    Attributes:
        cases: how many connections were made.
        statuses: how often each was answered.
        failures: what should not have happened, in words.
    """

    cases: int = 0
    statuses: Counter[int] = attrs.field(factory=Counter)
    failures: list[str] = attrs.field(factory=list)


class Maker:
    """Makes cases from a seed.

    Args:
        seed: the same makes the same cases.
        apis: bodies that APIs take, by path.
    """

    def __init__(self, seed: int, apis: dict[bytes, bytes]) -> None:
        self._seed = seed
        self._corpus = corpus(apis)

    def case(self, number: int) -> Case:
        """Make one case."""
        chance = random.Random(f"{self._seed}:{number}")
        data = chance.choice(self._corpus)
        # Those that are right are tried as well.
        for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 8))):
            data = self._changed(data, chance)
        cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.choice((0, 0, 1, 4))))
        pieces = tuple(data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True))
        return Case(number, pieces, chance.choice(("end", "end", "end", "wait", "reset")))

    def _changed(self, data: bytes, chance: random.Random) -> bytes:
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice((1, 1, 2, 4, 9, 30, 200)))
        match chance.randrange(10):
            case 0:
                return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
            case 1:
                return data[:at] + data[end:]
            case 2:
                return data[:end] + data[at:]
            case 3 | 4:
                return data[:at] + chance.choice(TOKENS) + data[chance.choice((at, end)) :]
            case 5:
                other = chance.choice(self._corpus)
                return data[:at] + other[chance.randrange(len(other)) :]
            case 6:
                return data[:at]
            case 7:
                lines = data.split(b"\r\n")
                chance.shuffle(lines)
                return b"\r\n".join(lines)
            case 8:
                return data[:at] + data[at:end] * chance.choice((2, 10, 100)) + data[end:]
        return _with_changed_frame(data, chance)


def _with_changed_frame(data: bytes, chance: random.Random) -> bytes:
    """Change the head of one frame; of what is no HTTP/2, any bytes."""
    starts, at = [], len(PREFACE) if data.startswith(PREFACE) else 0
    while at + 9 <= len(data):
        starts.append(at)
        at += 9 + int.from_bytes(data[at : at + 3], "big")
    if not starts:
        return data
    at = chance.choice(starts)
    match chance.randrange(4):
        case 0:
            size = chance.choice((0, 1, 8, 16384, 16385, 2**24 - 1))
            return data[:at] + size.to_bytes(3, "big") + data[at + 3 :]
        case 1:
            return data[: at + 3] + bytes([chance.choice((*range(11), 255))]) + data[at + 4 :]
        case 2:
            return data[: at + 4] + bytes([chance.randrange(256)]) + data[at + 5 :]
    stream_id = chance.choice((0, 1, 2, 3, 5, 2**31 - 1, 2**32 - 1))
    return data[: at + 5] + stream_id.to_bytes(4, "big") + data[at + 9 :]


async def play(port: int, case: Case) -> bytes:
    """Play a case and return what the server sent, and a mark if it did not close after the client had."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = bytearray()
    try:
        # The server may have closed already; what it sent is read all the same.
        with contextlib.suppress(OSError):
            for piece in case.pieces:
                writer.write(piece)
                await writer.drain()
                if len(case.pieces) > 1:
                    await asyncio.sleep(0.001)
            if case.ending == "end":
                writer.write_eof()
        wait_s = PATIENCE_S if case.ending == "end" else SILENCE_S
        try:
            while case.ending != "reset" and (data := await asyncio.wait_for(reader.read(65536), wait_s)):
                received += data
        except TimeoutError:
            if case.ending == "end":
                received += _HUNG
        except OSError:
            pass  # a reset is an end like any other
    finally:
        await leave(writer)
    return bytes(received)


def statuses_of(received: bytes) -> list[int]:
    """The statuses of all answers, in whichever HTTP they came."""
    found = [int(status) for status in _STATUS.findall(received)]
    if found or len(received) < 9:
        return found
    decoder = hpack.Decoder()
    at = 0
    with contextlib.suppress(Exception):
        while at + 9 <= len(received):
            frame, size = Frame.parse_frame_header(memoryview(received[at : at + 9]))
            if isinstance(frame, HeadersFrame):
                frame.parse_body(memoryview(received[at + 9 : at + 9 + size]))
                found += [int(value) for name, value in decoder.decode(frame.data) if name == ":status"]
            at += 9 + size
    return found


def failure(case: Case, received: bytes) -> str:
    """What is wrong with what the server sent, or nothing."""
    data = b"".join(case.pieces).lower()
    if received.endswith(_HUNG):
        return f"case {case.number} has no end: {data[:3000]!r} -> {received[:500]!r}"
    for status in statuses_of(received):
        is_asked_for = (status == 501 and b"transfer-encoding" in data) or (
            status == 504 and b"x-request-timeout" in data
        )
        if status >= 500 and not is_asked_for:
            return f"case {case.number} was answered {status}: {b''.join(case.pieces)[:3000]!r} -> {received[:500]!r}"
    return ""


async def fuzz(port: int, seconds: float, *, seed: int = 0, apis: dict[bytes, bytes] | None = None) -> Findings:
    """Play cases for so long, many at a time."""
    maker = Maker(seed, apis or DEFAULT_APIS)
    found = Findings()
    path, body = next(iter((apis or DEFAULT_APIS).items()))
    good = Case(
        -1, (b"POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%s" % (path, len(body), body),), "end"
    )
    end_s = time.monotonic() + seconds

    async def call() -> None:
        while time.monotonic() < end_s and len(found.failures) < 20:
            number = found.cases
            found.cases += 1
            case = maker.case(number)
            received = await play(port, case)
            found.statuses.update(statuses_of(received))
            if wrong := failure(case, received):
                found.failures.append(wrong)
            if number % GOOD_EVERY == 0 and (answers := statuses_of(await play(port, good))) != [200]:
                found.failures.append(f"after case {number} a good request was answered {answers}")

    async with asyncio.TaskGroup() as callers:
        for _ in range(CALLERS):
            callers.create_task(call())
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz a server and say what was found; 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("port", type=int, help="on 127.0.0.1")
    parser.add_argument("--seconds", type=float, default=1200.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="play this case, and show it")
    parser.add_argument("--api", action="append", default=[], help="PATH=BODY of an API that is there")
    options = parser.parse_args(arguments)
    apis = dict(each.encode().partition(b"=")[::2] for each in options.api) or DEFAULT_APIS
    if options.only is not None:
        case = Maker(options.seed, apis).case(options.only)
        sys.stdout.write(f"{case}\n{asyncio.run(play(options.port, case))!r}\n")
        return 0
    found = asyncio.run(fuzz(options.port, options.seconds, seed=options.seed, apis=apis))
    lines = [f"{found.cases:,} cases; answers: {dict(sorted(found.statuses.items()))}", *found.failures]
    sys.stdout.write("\n".join([*lines, ""]))
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
