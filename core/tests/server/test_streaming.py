"""Generators as APIs: items that arrive one by one over a real Hypercorn, and streams that end before their time."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import socket
import threading

import httpx
import numpy as np
import pytest

import jubako
from jubako.errors import BadInput, JubakoError
from jubako.io import JSON, NumpyNdarray, Text
from jubako.runners import Runner, call_deadline
from jubako.server.streaming import event_of
from jubako.services import Service
from jubako.settings import AccessLogSettings, LoggingSettings

PATIENCE_S = 60.0
VERSIONS = ["HTTP/1.1", "HTTP/2"]
KINDS = ["async", "sync"]
EVENTS = {"accept": "text/event-stream"}


@pytest.fixture
async def open_client():
    """A client of one version of HTTP; both speak in the clear."""
    async with contextlib.AsyncExitStack() as stack:

        async def begin(site, version="HTTP/1.1"):
            client = httpx.AsyncClient(
                base_url=f"http://localhost:{site.port}",
                http1=version == "HTTP/1.1",
                http2=version == "HTTP/2",
                timeout=PATIENCE_S,
            )
            return await stack.enter_async_context(client)

        yield begin


async def within(awaitable):
    return await asyncio.wait_for(awaitable, PATIENCE_S)


async def begin_and_leave(client):
    """Read the first item and close the connection."""
    async with client.stream("POST", "/stream", json=1) as answer:
        await within(anext(answer.aiter_text()))
        await client.aclose()


async def metric(site, api, code):
    """How many requests of an API ended with a status."""
    text = (await site.ask("/metrics")).body.decode()
    start = f'jubako_request_total{{api="{api}",code="{code}",service="streams"}} '
    return sum(float(line.removeprefix(start)) for line in text.splitlines() if line.startswith(start))


def service_of(func, kind, **arguments):
    """A service with one API `stream`; the function is a sync generator, which is made an async one if asked for."""
    service = Service("streams")
    if kind == "async":

        async def stream(value):
            for item in func(value):
                yield item

        service.api(**{"input": JSON(), "output": JSON(), **arguments})(stream)
    else:
        service.api(**{"input": JSON(), "output": JSON(), "name": "stream", **arguments})(func)
    return service


def count_to(value):
    yield from range(value)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
async def test_items_are_lines_of_json_or_server_sent_events(serve_service, open_client, kind, version):
    site = await serve_service(service_of(count_to, kind))
    client = await open_client(site, version)
    lines = await client.post("/stream", json=3)
    assert (lines.status_code, lines.http_version) == (200, version)
    assert (lines.headers["content-type"], lines.text) == ("application/x-ndjson", "0\n1\n2\n")
    assert "content-length" not in lines.headers
    events = await client.post("/stream", json=3, headers=EVENTS)
    assert events.headers["content-type"] == "text/event-stream"
    assert events.headers["cache-control"] == "no-store"
    assert events.text == "data: 0\n\ndata: 1\n\ndata: 2\n\n"
    assert (await client.post("/stream", json=0)).text == ""
    assert await metric(site, "stream", 200) == 3


@pytest.mark.parametrize("accept", ["*/*", "application/x-ndjson", "text/html", "text/event-stream;q=0.1, */*"])
async def test_events_are_sent_only_to_those_who_like_them_best(serve_service, open_client, accept):
    site = await serve_service(service_of(count_to, "async"))
    answer = await (await open_client(site)).post("/stream", json=1, headers={"accept": accept})
    assert answer.headers["content-type"] == "application/x-ndjson"


@pytest.mark.parametrize(
    ("body", "event"),
    [
        (b"one", b"data: one\n\n"),
        (b"", b"data: \n\n"),
        (b"one\ntwo\n", b"data: one\ndata: two\ndata: \n\n"),
        (b"one\r\ntwo\rthree", b"data: one\ndata: two\ndata: three\n\n"),
        (b"event: error\n\ndata: x", b"data: event: error\ndata: \ndata: data: x\n\n"),
    ],
)
def test_what_an_item_holds_ends_no_event_and_begins_none(body, event):
    assert event_of(body) == event


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
async def test_the_first_item_arrives_before_the_second_is_computed(serve_service, open_client, version, accept):
    service = Service("streams")
    has_first = asyncio.Event()

    @service.api(input=JSON(), output=JSON())
    async def stream(value):
        yield "first"
        await within(has_first.wait())
        yield "second"

    client = await open_client(await serve_service(service), version)
    async with client.stream("POST", "/stream", json=1, headers={"accept": accept}) as answer:
        pieces = answer.aiter_text()
        assert "first" in await within(anext(pieces))
        has_first.set()
        assert "second" in await within(anext(pieces))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
async def test_the_first_item_arrives_though_the_second_is_computed_without_awaiting(
    serve_service, open_client, kind, version
):
    has_first, arrived = threading.Event(), []

    def compute(value):
        yield "first"
        # Of the async kind this holds the event loop, of the server and of this test.
        arrived.append(has_first.wait(PATIENCE_S))
        yield "second"

    site = await serve_service(service_of(compute, kind))

    def read():
        with (
            httpx.Client(http1=version == "HTTP/1.1", http2=version == "HTTP/2", timeout=PATIENCE_S) as client,
            client.stream("POST", f"http://localhost:{site.port}/stream", json=1) as answer,
        ):
            pieces = answer.iter_text()
            first = next(pieces)
            has_first.set()
            return first + "".join(pieces)

    assert await within(asyncio.to_thread(read)) == '"first"\n"second"\n'
    assert arrived == [True]


@pytest.mark.parametrize("version", VERSIONS)
async def test_when_the_client_leaves_an_async_generator_is_ended_where_it_waits(serve_service, open_client, version):
    service = Service("streams")
    ended, items = asyncio.Event(), []

    @service.api(input=JSON(), output=JSON())
    async def stream(value):
        try:
            yield "first"
            items.append(1)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    site = await serve_service(service)
    await begin_and_leave(await open_client(site, version))
    await within(ended.wait())
    assert items == [1]
    async with asyncio.timeout(PATIENCE_S):
        while await metric(site, "stream", 499) != 1:
            pass  # the request ends at any moment


@pytest.mark.parametrize("version", VERSIONS)
async def test_when_the_client_leaves_a_sync_generator_is_closed_in_a_thread(serve_service, open_client, version):
    has_left, ended, items = threading.Event(), threading.Event(), []

    def stream(value):
        try:
            yield "first"
            has_left.wait(PATIENCE_S)
            while True:
                items.append(1)
                yield "more"
        finally:
            items.append(threading.current_thread().name)
            ended.set()

    site = await serve_service(service_of(stream, "sync"))
    await begin_and_leave(await open_client(site, version))
    async with asyncio.timeout(PATIENCE_S):
        while await metric(site, "stream", 499) != 1:
            pass  # the server hears of it at any moment
    has_left.set()
    assert await asyncio.to_thread(ended.wait, PATIENCE_S)
    # The item that was being computed, and no other.
    assert items[0] == 1
    assert items[1].startswith("jubako-sync")
    assert len(items) == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_that_does_not_read_holds_the_function_up_and_is_cut_in_time(serve_service, kind):
    count, ended = [0], threading.Event()

    def stream(value):
        try:
            while True:
                count[0] += 1
                yield "x" * 100_000
        finally:
            ended.set()

    site = await serve_service(service_of(stream, kind, output=Text()), write_timeout_s=0.5)
    with socket.create_connection(("127.0.0.1", site.port)) as client:
        client.sendall(b"POST /stream HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\n1")
        assert await asyncio.to_thread(ended.wait, PATIENCE_S)
    # What the operating system takes for both sides, and a little more.
    assert count[0] < 300
    async with asyncio.timeout(PATIENCE_S):
        while await metric(site, "stream", 499) != 1:
            pass  # the request ends at any moment


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_stream_that_grants_no_window_holds_the_function_up_and_others_are_served(
    serve_service, open_client, version
):
    # Over HTTP/2 a slow stream and a quick one share a connection.
    service = Service("streams")
    ended = asyncio.Event()

    @service.api(input=JSON(), output=Text())
    async def stream(value):
        try:
            while True:
                yield "x" * 100_000
        finally:
            ended.set()

    @service.api(input=JSON(), output=JSON())
    async def quick(value):
        return value

    client = await open_client(await serve_service(service, write_timeout_s=0.5), version)
    async with client.stream("POST", "/stream", json=1) as answer:
        pieces = answer.aiter_bytes()
        await within(anext(pieces))
        assert (await client.post("/quick", json=7)).json() == 7
    await within(ended.wait())


class Teapot(JubakoError):
    error_code = 418


@pytest.mark.parametrize(
    ("error", "status", "is_told"),
    [(BadInput("too sweet"), 400, True), (Teapot("no coffee"), 418, True), (RuntimeError("/secret"), 500, False)],
)
@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_before_the_first_item_is_an_ordinary_problem(
    serve_service, open_client, kind, error, status, is_told
):
    def stream(value):
        raise error
        yield

    site = await serve_service(service_of(stream, kind))
    for headers in ({}, EVENTS):
        answer = await (await open_client(site)).post("/stream", json=1, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert (str(error) in answer.text) is is_told


def fail_later(value):
    yield "first"
    raise RuntimeError("/secret")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_after_the_first_item_leaves_the_answer_without_its_end(
    serve_service, open_client, caplog, kind, version
):
    site = await serve_service(service_of(fail_later, kind))
    client = await open_client(site, version)
    received = []
    async with client.stream("POST", "/stream", json=1) as answer:
        pieces = answer.aiter_text()
        received.append(await within(anext(pieces)))
        with pytest.raises(httpx.RemoteProtocolError):
            await within(anext(pieces))
    assert received == ['"first"\n']
    assert "API stream failed" in caplog.text
    assert "/secret" in caplog.text
    assert await metric(site, "stream", 500) == 1


async def test_over_http_1_the_broken_answer_has_no_last_chunk_and_its_connection_is_closed(serve_service):
    site = await serve_service(service_of(fail_later, "async"))
    raw = await site.send_raw(b"POST /stream HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\n1")
    assert raw.endswith(b'\r\n\r\n8\r\n"first"\n\r\n')


@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_among_events_is_an_event_and_the_answer_is_whole(serve_service, open_client, kind, caplog):
    site = await serve_service(service_of(fail_later, kind))
    answer = await (await open_client(site)).post("/stream", json=1, headers={**EVENTS, "x-request-id": "mine"})
    first, error, end = answer.text.split("\n\n")
    assert (first, end) == ('data: "first"', "")
    name, data = error.split("\n")
    assert name == "event: error"
    problem = json.loads(data.removeprefix("data: "))
    assert (problem["status"], problem["request_id"]) == (500, "mine")
    assert "secret" not in answer.text
    assert await metric(site, "stream", 500) == 1


async def test_bad_input_that_a_stream_finds_late_is_told_in_its_event_and_logged_for_other_clients(
    serve_service, open_client, caplog
):
    def stream(value):
        yield "first"
        raise BadInput("row 7 is negative", field="$[7]")

    site = await serve_service(service_of(stream, "async"))
    client = await open_client(site)
    answer = await client.post("/stream", json=1, headers=EVENTS)
    assert json.loads(answer.text.rpartition("data: ")[2])["field"] == "$[7]"
    with pytest.raises(httpx.RemoteProtocolError):
        await client.post("/stream", json=1)
    assert "API stream broke its stream off with 400: row 7 is negative" in caplog.text


@pytest.mark.parametrize("at", ["first", "later"])
async def test_an_item_that_cannot_be_encoded_is_the_services_fault(serve_service, open_client, caplog, at):
    def stream(value):
        if at == "later":
            yield "fine"
        yield object()

    site = await serve_service(service_of(stream, "async", output=Text()))
    client = await open_client(site)
    if at == "first":
        assert (await client.post("/stream", json=1)).status_code == 500
    else:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/stream", json=1)
    assert "yielded what its output descriptor cannot encode" in caplog.text


@pytest.mark.parametrize("kind", KINDS)
async def test_each_item_has_the_time_of_a_request(serve_service, open_client, kind):
    release, deadlines = threading.Event(), []

    def stream(value):
        for number in range(value):
            deadlines.append(call_deadline.get())
            yield number
        release.wait(PATIENCE_S)
        yield "late"

    async def stream_async(value):
        for number in range(value):
            deadlines.append(call_deadline.get())
            yield number
        await asyncio.Event().wait()
        yield "late"

    service = Service("streams")
    func = stream_async if kind == "async" else stream
    service.api(input=JSON(), output=JSON(), name="stream")(func)
    client = await open_client(await serve_service(service, timeout_s=1.0))
    try:
        assert (await client.post("/stream", json=0)).status_code == 504
        answer = await client.post("/stream", json=3, headers=EVENTS)
        assert answer.text.startswith("data: 0\n\ndata: 1\n\ndata: 2\n\nevent: error\n")
        assert json.loads(answer.text.rpartition("data: ")[2])["status"] == 504
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/stream", json=1)
    finally:
        release.set()
    assert deadlines[:3] == sorted(set(deadlines[:3]))


async def test_a_function_that_goes_on_when_it_is_cancelled_is_ended_all_the_same(serve_service, open_client):
    service = Service("streams")
    ended = asyncio.Event()

    @service.api(input=JSON(), output=JSON())
    async def stream(value):
        try:
            yield "first"
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
                yield "more"
        finally:
            ended.set()

    await begin_and_leave(await open_client(await serve_service(service)))
    await within(ended.wait())


@pytest.mark.parametrize("is_short", [True, False])
async def test_a_stop_lets_a_stream_end_within_the_drain_time_and_cuts_it_then(serve_service, open_client, is_short):
    service = Service("streams")
    go_on, ended = asyncio.Event(), asyncio.Event()

    @service.api(input=JSON(), output=JSON())
    async def stream(value):
        try:
            yield "first"
            await go_on.wait()
            yield "last"
        finally:
            ended.set()

    site = await serve_service(service, drain_s=PATIENCE_S if is_short else 0.1)
    client = await open_client(site)
    async with client.stream("POST", "/stream", json=1) as answer:
        pieces = answer.aiter_text()
        assert await within(anext(pieces)) == '"first"\n'
        site.stop.set()
        if is_short:
            go_on.set()
            assert [piece async for piece in pieces] == ['"last"\n']
        else:
            with pytest.raises(httpx.RemoteProtocolError):
                await within(anext(pieces))
    await site.ended()
    assert ended.is_set()


async def test_runners_work_inside_generators_of_both_kinds(serve_service, open_client):
    class Doubler(Runner):
        def _setup(self):
            pass

        def _run_batch(self, rows):
            return rows * 2

    doubler = Doubler()
    service = Service("streams", runners=[doubler])

    @service.api(input=NumpyNdarray(), output=NumpyNdarray())
    async def later(rows):
        for row in rows:
            yield await doubler.async_run(row)

    @service.api(input=NumpyNdarray(), output=NumpyNdarray())
    def now(rows):
        for row in rows:
            yield doubler.run(row)

    client = await open_client(await serve_service(service))
    for path in ("/later", "/now"):
        answer = await client.post(path, json=[[1, 2], [3, 4]], headers=EVENTS)
        items = [json.loads(event.removeprefix("data: ")) for event in answer.text.split("\n\n")[:-1]]
        np.testing.assert_array_equal(items, [[2, 4], [6, 8]])


@pytest.mark.parametrize("kind", KINDS)
async def test_status_headers_and_cookies_are_set_before_the_first_item_and_no_later(
    serve_service, open_client, kind, caplog
):
    service = Service("streams")

    def answer(context):
        context.response.status = 202
        context.response.headers["cache-control"] = "no-transform"
        context.response.set_cookie("seen", "1")

    if kind == "async":

        @service.api(output=JSON())
        async def stream(context: jubako.Context):
            answer(context)
            yield "first"
            context.response.status = 500
    else:

        @service.api(output=JSON())
        def stream(context: jubako.Context):
            answer(context)
            yield "first"
            context.response.headers["late"] = "1"

    response = await (await open_client(await serve_service(service))).post("/stream", headers=EVENTS)
    assert response.status_code == 202
    assert response.headers.get_list("cache-control") == ["no-transform"]
    assert response.headers["set-cookie"].startswith("seen=1;")
    assert response.text.startswith('data: "first"\n\nevent: error\n')
    assert "cannot be set any more" in caplog.text


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("status", [204, 205, 304])
async def test_a_stream_with_a_status_that_has_no_body_has_none(serve_service, open_client, status, version):
    service = Service("streams")
    closed = asyncio.Event()

    @service.api(output=JSON())
    async def stream(context: jubako.Context):
        try:
            context.response.status = status
            yield "first"
            yield "second"
        finally:
            closed.set()

    client = await open_client(await serve_service(service), version)
    for _ in range(2):
        answer = await client.post("/stream")
        assert (answer.status_code, answer.content) == (status, b"")
        assert "content-type" not in answer.headers
        await within(closed.wait())


async def test_a_sync_generator_keeps_its_context_variables_from_item_to_item(serve_service, open_client):
    variable = contextvars.ContextVar("variable", default="unset")

    def stream(value):
        token = variable.set("set")
        yield variable.get()
        yield variable.get()
        variable.reset(token)
        yield variable.get()

    client = await open_client(await serve_service(service_of(stream, "sync")))
    assert (await client.post("/stream", json=1)).text == '"set"\n"set"\n"unset"\n'


async def test_a_stream_that_has_begun_waits_for_a_thread_and_a_new_one_is_refused(serve_service, open_client):
    release, is_blocking = threading.Event(), threading.Event()
    service = Service("streams")

    @service.api(input=JSON(), output=JSON())
    def stream(value):
        yield "first"
        yield "second"

    @service.api(input=JSON(), output=JSON())
    def block(value):
        is_blocking.set()
        release.wait(PATIENCE_S)
        return value

    # Each item after the first is asked for when the one before it has left: the thread is free in between.
    site = await serve_service(service, sync_threads=1, sync_waiting=1)
    client = await open_client(site)
    blocking = [asyncio.create_task(client.post("/block", json=n)) for n in range(2)]
    assert await asyncio.to_thread(is_blocking.wait, PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S):
        while (refused := await client.post("/stream", json=1)).status_code != 429:
            pass  # the second call arrives at any moment
    assert refused.headers["retry-after"] == "1"
    release.set()
    assert [(await task).status_code for task in blocking] == [200, 200]
    assert (await client.post("/stream", json=1)).text == '"first"\n"second"\n'


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "GET", "PUT"])
async def test_other_methods_than_post_do_not_begin_a_stream(serve_service, method):
    begun = []

    def stream(value):
        begun.append(value)
        yield value

    site = await serve_service(service_of(stream, "async"))
    answer = await site.ask("/stream", method=method)
    assert (answer.status, answer.headers["allow"], begun) == (405, "POST", [])


class Picture(Text):
    media_types = ("image/png",)
    stream_media_type = "multipart/x-mixed-replace; boundary=next"


async def test_what_is_no_text_is_never_sent_as_events(serve_service, open_client):
    def stream(value):
        yield "picture"

    site = await serve_service(service_of(stream, "async", output=Picture()))
    answer = await (await open_client(site)).post("/stream", json=1, headers=EVENTS)
    assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=next"


class Where(Text):
    is_heavy = True

    def encode_item(self, value):
        return threading.current_thread().name.encode()


@pytest.mark.parametrize(("kind", "thread"), [("async", "jubako-decode"), ("sync", "jubako-sync")])
async def test_heavy_items_are_encoded_off_the_event_loop(serve_service, open_client, kind, thread):
    def stream(value):
        yield "x"

    site = await serve_service(service_of(stream, kind, output=Where()))
    assert (await (await open_client(site)).post("/stream", json=1)).text.startswith(thread)


async def test_a_generator_that_does_not_end_is_logged(serve_service, open_client, caplog):
    service = Service("streams")

    @service.api(input=JSON(), output=JSON())
    async def stream(value):
        try:
            yield "first"
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            with contextlib.suppress(GeneratorExit):
                yield "ignored"
            yield "ignored again"

    site = await serve_service(service)
    await begin_and_leave(await open_client(site))
    async with asyncio.timeout(PATIENCE_S):
        while await metric(site, "stream", 499) != 1:
            pass  # the request ends at any moment
    assert "the generator of API stream did not end" in caplog.text


@pytest.mark.parametrize("kind", KINDS)
async def test_items_count_as_held_until_they_are_sent_and_no_longer(serve_service, open_client, kind):
    def stream(value):
        for _ in range(value):
            yield "x" * 50_000

    service = service_of(stream, kind, output=Text())
    is_holding, release = asyncio.Event(), asyncio.Event()

    @service.api(input=Text(), output=JSON())
    async def hold(text):
        is_holding.set()
        await release.wait()
        return len(text)

    site = await serve_service(service, max_held_bytes=120_000)
    client = await open_client(site)
    holding = asyncio.create_task(client.post("/hold", content="x" * 60_000))
    await within(is_holding.wait())
    assert len((await client.post("/stream", json=20)).content) == 1_000_000
    release.set()
    assert (await holding).json() == 60_000


async def test_an_item_that_finds_no_room_beside_other_requests_ends_the_stream(serve_service, open_client):
    def stream(value):
        yield "x"
        yield "x" * 100_000

    service = service_of(stream, "async", output=Text())
    is_holding, release = asyncio.Event(), asyncio.Event()

    @service.api(input=Text(), output=JSON())
    async def hold(text):
        is_holding.set()
        await release.wait()
        return len(text)

    site = await serve_service(service, max_held_bytes=120_000)
    client = await open_client(site)
    holding = asyncio.create_task(client.post("/hold", content="x" * 60_000))
    await within(is_holding.wait())
    events = (await client.post("/stream", json=1, headers=EVENTS)).text
    assert events.startswith("data: x\n\nevent: error\n")
    assert '"status":503' in events
    release.set()
    assert (await holding).json() == 60_000


async def test_the_access_log_tells_the_bytes_of_a_stream_and_how_it_ended(serve_service, capsys):
    log = LoggingSettings(format="json", access=AccessLogSettings(enabled=True))
    site = await serve_service(service_of(fail_later, "async"), logging=log)
    await site.ask("/stream", b"1")
    await site.ask("/stream", b"1", headers=EVENTS)
    site.stop.set()
    await site.ended()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if '"access"' in line]
    assert [(line["status"], line["path"]) for line in lines] == [(500, "/stream")] * 2
    assert lines[0]["bytes"] == len('"first"\n')
    assert lines[1]["bytes"] > 100


async def test_an_old_client_gets_a_stream_without_chunks_until_the_connection_is_closed(serve_service):
    site = await serve_service(service_of(count_to, "async"))
    raw = await site.send_raw(b"POST /stream HTTP/1.0\r\nhost: localhost\r\ncontent-length: 1\r\n\r\n3")
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    assert body == b"0\n1\n2\n"


async def test_a_thousand_streams_at_once_are_all_whole(serve_service, open_client):
    site = await serve_service(service_of(count_to, "async"), max_connections=2000)

    async def ask(number):
        answer = await site.ask("/stream", str(number % 7).encode())
        return answer.status == 200 and answer.body.endswith(b"0\r\n\r\n")

    assert all(await asyncio.gather(*(ask(number) for number in range(1000))))
