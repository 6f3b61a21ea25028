"""Forms and images that are made to cost much: floods of parts and headers, and pictures larger than they look."""

from __future__ import annotations

import struct
import time
import zlib

import pytest

from tests.faults.access.asking import ask
from tests.faults.state import resident_kib
from tests.faults.watched import Request

FORMS = """
import jubako
from jubako.io import JSON, File, Image, Multipart, Text

svc = jubako.Service("forms")


@svc.api(input=JSON(), output=JSON())
async def good(value):
    return value


@svc.api(input=Multipart(meta=JSON(), data=File()), output=Text())
async def form(meta, data):
    return f"{meta} {len(data.read())}"


@svc.api(input=File(), output=Text())
async def file(file):
    return str(len(file.read()))


@svc.api(input=Image(), output=Text())
async def image(image):
    return str(image.size)
"""


def part(name: str, body: bytes = b"1") -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), body)


FLOODS = {
    "50,000 parts": b"".join(part(f"p{number}") for number in range(50_000)) + b"--b--\r\n",
    "endless part headers": b'--b\r\nContent-Disposition: form-data; name="meta"\r\n' + b"X-Y: z\r\n" * 1_000_000,
    "one header of 8 MB": b"--b\r\nContent-Disposition: form-data; name=" + b"a" * 8_000_000,
    "8 MB of dashes": b"-" * 8_000_000,
    "8 MB of line breaks before the first part": b"\r\n" * 4_000_000,
    "8 MB behind the last part": part("meta") + part("data") + b"--b--\r\n" + b"\r\n" * 4_000_000,
}
LONG_BOUNDARY = {"content-type": "multipart/form-data; boundary=" + "-" * 10_000}


@pytest.mark.row("multipart-flood")
@pytest.mark.quick
def test_floods_of_parts_and_headers_are_cut_off(attack, figures):
    server = attack(FORMS, good=Request("/good", "1"))
    worker = server.pids("jubako-api")[0]
    assert ask(server.port, "/form", part("meta") + part("data") + b"--b--\r\n", headers=form_headers()).status == 200
    before = resident_kib(worker)
    slowest_s = 0.0
    for route in ("/form", "/file", "/image"):
        for name, body in FLOODS.items():
            started_s = time.monotonic()
            answer = ask(server.port, route, body, headers=form_headers())
            slowest_s = max(slowest_s, time.monotonic() - started_s)
            assert answer.status == 413, (route, name, answer)
        answer = ask(server.port, route, FLOODS["8 MB of dashes"], headers=LONG_BOUNDARY)
        assert answer.status == 400, (route, answer)
    figures(refused=f"{3 * len(FLOODS) + 3}", slowest_ms=round(slowest_s * 1000))
    # Bodies of 8 MB are held while they are read, and some of that stays with the allocator.
    assert resident_kib(worker) - before < 100 * 1024


@pytest.mark.row("multipart-flood")
@pytest.mark.quick
def test_images_of_more_pixels_than_allowed_are_refused_by_their_headers(attack, figures):
    pytest.importorskip("PIL")
    server = attack(FORMS, good=Request("/good", "1"))
    worker = server.pids("jubako-api")[0]
    before = resident_kib(worker)
    bombs = [png(side, side) for side in (9_000, 50_000, 2**31 - 1)]
    answers = [ask(server.port, "/image", body, headers={"content-type": "image/png"}) for body in bombs]
    assert [answer.status for answer in answers] == [413] * len(bombs)
    assert resident_kib(worker) - before < 50 * 1024
    figures(image_bombs_refused=len(bombs))


def form_headers() -> dict[str, str]:
    return {"content-type": "multipart/form-data; boundary=b"}


def png(width: int, height: int) -> bytes:
    """A PNG whose data would fill the size that its header says, packed."""
    rows = zlib.compress(bytes(1_000_000))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
