"""Access lines and log records: what they hold, and what cannot get into them."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import threading

import pytest

from jubako._origins import Origin, current_origins
from jubako.io import Text
from jubako.server.access_log import AccessLog
from jubako.server.exchange import Exchange, sane_traceparent
from jubako.server.log_lines import LineFormatter, choose_format, clean
from jubako.services import Service
from jubako.settings import AccessLogSettings, LoggingSettings

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def an_exchange(path: bytes = b"/predict", method: str = "POST") -> Exchange:
    scope = {"method": method, "headers": [], "client": ("10.0.0.7", 1234), "raw_path": path}
    exchange = Exchange(scope, "/predict", "predict", 0.0)
    exchange.id, exchange.status, exchange.sent_bytes = "abc-1", 200, 17
    return exchange


async def written(line_format, *exchanges: Exchange, fields: AccessLogSettings | None = None) -> str:
    stream = io.StringIO()
    log = AccessLog(stream, line_format, fields=fields or AccessLogSettings())
    for exchange in exchanges:
        log.request_finished(exchange, 0.0123456)
    log.close()
    return stream.getvalue()


async def test_an_access_line_in_json_has_all_fields():
    line = json.loads(await written("json", an_exchange()))
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "event": "access",
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "duration_ms": 12.346,
        "bytes": 17,
        "client": "10.0.0.7",
        "role": "api",
        "slot": 0,
        "request_id": "abc-1",
    }


async def test_an_access_line_in_text_reads_in_one_line():
    line = await written("text", an_exchange())
    assert line.partition("Z ")[2] == "api/0 POST /predict 200 12.346ms 17B 10.0.0.7 id=abc-1\n"


def with_bodies() -> Exchange:
    exchange = an_exchange()
    exchange.headers = {b"content-type": b"text/csv; charset=utf-8", b"content-length": b"12", b"cookie": b"secret"}
    exchange.answer_headers = [(b"content-type", b"application/json"), (b"content-length", b"17"), (b"x-a", b"b")]
    return exchange


ALL_OF_BODIES = {
    "request_content_type": "text/csv; charset=utf-8",
    "request_content_length": 12,
    "response_content_type": "application/json",
    "response_content_length": 17,
}


async def test_an_access_line_says_of_which_type_and_length_the_bodies_are():
    line = json.loads(await written("json", with_bodies()))
    assert {name: line.get(name) for name in ALL_OF_BODIES} == ALL_OF_BODIES
    text = await written("text", with_bodies())
    assert text.endswith(" id=abc-1 request=text/csv;charset=utf-8,12B response=application/json,17B\n")


@pytest.mark.parametrize("name", ALL_OF_BODIES)
async def test_each_of_these_can_be_left_out(name):
    fields = AccessLogSettings(**{name: False})
    line = json.loads(await written("json", with_bodies(), fields=fields))
    assert {name for name in line if "content" in name} == set(ALL_OF_BODIES) - {name}
    alone = AccessLogSettings(**dict.fromkeys(set(ALL_OF_BODIES) - {name}, False))
    shown = str(ALL_OF_BODIES[name]).replace(" ", "") + ("B" if name.endswith("length") else "")
    whose = name.partition("_")[0]
    assert (await written("text", with_bodies(), fields=alone)).endswith(f" id=abc-1 {whose}={shown}\n")


@pytest.mark.parametrize("length", [b"", b"-1", b"1_0", b"x", b"1" * 5000])
async def test_a_length_that_is_none_is_not_logged(length):
    exchange = with_bodies()
    exchange.headers[b"content-length"] = length
    assert json.loads(await written("json", exchange))["request_content_length"] is None
    assert " request=text/csv;charset=utf-8 response=" in await written("text", exchange)


async def test_an_empty_body_has_a_length():
    exchange = with_bodies()
    exchange.headers = {b"content-length": b"0"}
    assert " request=0B response=" in await written("text", exchange)


@pytest.mark.parametrize("line_format", ["text", "json"])
async def test_a_type_makes_no_second_line_and_no_long_one(line_format):
    exchange = with_bodies()
    exchange.headers[b"content-type"] = b"a/b\r\nforged 200\x1b[2J\xff" + b"x" * 10_000
    text = await written(line_format, exchange)
    assert text.count("\n") == 1
    assert text[:-1].isprintable()
    assert len(text) < 800


@pytest.mark.parametrize("line_format", ["text", "json"])
async def test_nothing_a_client_sends_makes_a_second_line(line_format):
    hostile = an_exchange(b"/a\r\n2026-01-01 GET /forged 200\x1b[2J", method="GE\nT")
    text = await written(line_format, hostile)
    assert text.count("\n") == 1
    assert text.isprintable() or text[:-1].isprintable()


async def test_lines_keep_their_order_and_the_timer_stops_when_nothing_comes():
    exchanges = [an_exchange(b"/%d" % number) for number in range(1000)]
    lines = (await written("json", *exchanges)).splitlines()
    assert [json.loads(line)["path"] for line in lines] == [f"/{number}" for number in range(1000)]


class Unread(io.StringIO):
    """A stream whose reader does not read until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.release = threading.Event(), threading.Event()
        self.written = threading.Semaphore(0)

    def write(self, text):
        self.entered.set()
        assert self.release.wait(60)
        super().write(text)
        self.written.release()
        return len(text)


async def test_a_reader_that_does_not_read_blocks_nobody_and_what_is_lost_is_counted():
    stream = Unread()
    log = AccessLog(stream, "json", max_waiting=2)
    log.request_finished(an_exchange(), 0.001)
    log.flush()
    assert await asyncio.to_thread(stream.entered.wait, 60)
    for _ in range(9):
        log.request_finished(an_exchange(), 0.001)
        log.flush()
    stream.release.set()
    for _ in range(3):
        assert await asyncio.to_thread(stream.written.acquire, timeout=60)
    log.request_finished(an_exchange(), 0.001)
    log.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["access"] * 4 + ["access_log_overflow"]
    assert lines[-1]["dropped"] == 7


async def test_lines_leave_in_pieces_that_a_pipe_takes_whole():
    class Pieces(io.StringIO):
        def write(self, text):
            pieces.append(text)
            return super().write(text)

    pieces = []
    log = AccessLog(Pieces(), "json")
    for number in range(200):
        log.request_finished(an_exchange(f"/ü{number}".encode("latin-1")), 0.001)
    log.close()
    assert len(pieces) > 1
    assert all(piece.endswith("\n") and len(piece.encode()) <= 4096 for piece in pieces)
    assert [json.loads(line)["path"] for line in "".join(pieces).splitlines()] == [
        f"/ü{number}" for number in range(200)
    ]


async def test_an_access_line_has_the_clients_trace():
    exchange = an_exchange()
    exchange.traceparent = TRACE
    assert json.loads(await written("json", exchange))["traceparent"] == TRACE
    assert (await written("text", exchange)).endswith(f" id=abc-1 trace={TRACE}\n")


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        (TRACE.encode(), TRACE),
        (TRACE.encode() + b"-of-a-later-version", TRACE + "-of-a-later-version"),
        (None, ""),
        (b"", ""),
        (TRACE.upper().encode(), ""),
        (TRACE.encode() + b"\nforged", ""),
        (b"00-1-2-01", ""),
    ],
)
def test_a_trace_is_taken_if_it_is_of_the_form_that_the_standard_gives(offered, taken):
    assert sane_traceparent(offered) == taken


async def test_a_stream_that_is_gone_costs_no_request():
    stream = io.StringIO()
    stream.close()
    log = AccessLog(stream, "text")
    log.request_finished(an_exchange(), 0.001)
    log.close()


async def test_a_request_that_is_cut_by_a_stop_is_logged_with_the_status_that_its_client_gets(serve_service, capsys):
    svc = Service("slow")
    has_begun = asyncio.Event()

    @svc.api(input=Text(), output=Text())
    async def wait(text):
        has_begun.set()
        await asyncio.Event().wait()

    log = LoggingSettings(format="json", access=AccessLogSettings(enabled=True))
    site = await serve_service(svc, logging=log, drain_s=0.05)
    asking = asyncio.create_task(site.ask("/wait", b"sent", content_type="text/plain"))
    await asyncio.wait_for(has_begun.wait(), 60)
    site.stop.set()
    await site.ended()
    answer = await asking
    assert answer.status == 503
    assert answer.json["request_id"] == answer.headers["x-request-id"] != ""
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["path"], line["status"]) for line in lines if line.get("event") == "access"] == [("/wait", 503)]
    assert [line["request_id"] for line in lines if line.get("event") == "access"] == [answer.json["request_id"]]
    (access,) = (line for line in lines if line.get("event") == "access")
    assert (access["request_content_type"], access["request_content_length"]) == ("text/plain", 4)


def record(message: str, *arguments: object, error: bool = False) -> logging.LogRecord:
    trace = None
    if error:
        try:
            raise ValueError("a\nb")
        except ValueError:
            trace = sys.exc_info()
    return logging.LogRecord("jubako.test", logging.ERROR, __file__, 1, message, arguments, trace)


def test_a_record_in_json_is_one_line_with_role_slot_and_request_id():
    token = current_origins.set((Origin("abc"),))
    try:
        line = LineFormatter("json", "api", 3).format(record("it %s\nbroke", "really", error=True))
    finally:
        current_origins.reset(token)
    assert "\n" not in line
    fields = json.loads(line)
    assert fields["message"] == "it really\\nbroke"
    assert (fields["level"], fields["role"], fields["slot"], fields["request_id"]) == ("error", "api", 3, "abc")
    assert "ValueError: a\nb" in fields["trace"]


def format_for(line_format, *origins):
    token = current_origins.set(origins)
    try:
        return LineFormatter(line_format, "replica iris", 1).format(record("computed"))
    finally:
        current_origins.reset(token)


def test_a_line_of_a_batch_names_its_requests():
    line = format_for("text", Origin("a"), Origin("b", TRACE))
    assert line.partition("Z ")[2] == f"replica iris/1 ERROR jubako.test computed ids=a,b traces={TRACE}"
    fields = json.loads(format_for("json", Origin("a"), Origin("b", TRACE)))
    assert (fields["request_ids"], fields["traceparents"]) == (["a", "b"], [TRACE])


def test_a_line_of_a_large_batch_names_some_and_counts_the_rest():
    fields = json.loads(format_for("json", *(Origin(str(number)) for number in range(128))))
    assert fields["request_ids"] == [*map(str, range(32)), "and 96 more"]


def test_a_record_in_text_cannot_be_forged():
    line = LineFormatter("text", "api", 0).format(record("user said %s", "x\n2026-01-01 INFO all is well"))
    assert "\n" not in line
    assert "x\\n2026-01-01" in line


def failed(message: str) -> logging.LogRecord:
    try:
        raise ValueError(message)
    except ValueError:
        return logging.LogRecord("jubako.test", logging.ERROR, __file__, 1, "it broke", (), sys.exc_info())


def test_a_traceback_in_text_cannot_be_forged_either():
    hostile = "bad value x\n2026-01-01T00:00:00.000Z api/0 INFO all is well\r\x1b[2J\u2028\ud800"
    first, *lines = LineFormatter("text", "api", 0).format(failed(hostile)).split("\n")
    assert first.endswith("it broke")
    assert all(line.startswith("    ") and line.isprintable() for line in lines)
    assert lines[-1] == r"    2026-01-01T00:00:00.000Z api/0 INFO all is well\r\x1b[2J\u2028\ud800"


def test_a_traceback_in_json_is_written_whatever_is_in_it():
    fields = json.loads(LineFormatter("json", "api", 0).format(failed("a\nb\x1b\ud800")))
    assert fields["trace"].endswith("ValueError: a\nb\\x1b\\ud800")


@pytest.mark.parametrize("line_format", ["text", "json"])
def test_a_long_traceback_is_cut_at_its_beginning(line_format):
    line = LineFormatter(line_format, "api", 0).format(failed("x" * 100_000 + "the end"))
    assert len(line) < 9000
    assert "the end" in line


@pytest.mark.parametrize("line_format", ["text", "json"])
def test_no_line_has_credentials(line_format):
    formatter = LineFormatter(line_format, "api", 0)
    line = formatter.format(record("no answer of %s", "https://me:hunter2@host/x?token=hunter2"))
    line += formatter.format(failed("{'Authorization': 'Bearer hunter2'}"))
    assert "hunter2" not in line
    assert "https://***@host/x?***" in line


async def test_a_whole_url_as_a_target_is_logged_without_its_credentials():
    assert json.loads(await written("json", an_exchange(b"http://me:hunter2@host/x")))["path"] == "http://***@host/x"


def test_a_long_text_is_cut_and_a_lone_surrogate_written():
    assert len(clean("x" * 100_000)) == 8192
    assert clean("a\ud800b") == "a\\ud800b"


def test_auto_is_json_where_there_is_no_terminal():
    closed = io.StringIO()
    closed.close()
    assert choose_format("auto", io.StringIO()) == "json"
    assert choose_format("auto", closed) == "json"
    assert choose_format("text", io.StringIO()) == "text"
