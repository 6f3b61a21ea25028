"""How requests become calls of an API's function: path parameters, context, annotations, and what is let go of."""

from __future__ import annotations

import asyncio
import threading
from http import HTTPStatus
from uuid import UUID

import pytest

import jubako
from jubako.errors import BadInput, JubakoError
from jubako.io import JSON, Text
from jubako.services import Service


@pytest.fixture
def service():
    svc = Service("calls")

    @svc.api(input=Text(), output=JSON(), route="v1/items/{item_id}")
    async def item(text, item_id: int, context: jubako.Context):
        return [text, item_id, context.request.path_params]

    @svc.api(input=Text(), output=JSON(), route="v1/items/new")
    async def new_item(text):
        return "new"

    @svc.api(input=Text(), output=JSON(), route="v1/items/{item_id}/parts/{part}")
    def part(text, part: UUID, item_id: float):
        return [item_id, str(part)]

    @svc.api(output=Text(), route="files/{rest:path}")
    def files(rest: str):
        return rest

    return svc


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/v1/items/7", ["x", 7, {"item_id": 7}]),
        ("/v1/items/-7?a=1", ["x", -7, {"item_id": -7}]),
        ("/v1/items/new", "new"),
        (
            "/v1/items/1.5/parts/0b0e1e9e-8b1c-4b0e-9f5a-0c1d2e3f4a5b",
            [1.5, "0b0e1e9e-8b1c-4b0e-9f5a-0c1d2e3f4a5b"],
        ),
    ],
)
async def test_path_parameters_reach_the_function_and_fixed_routes_go_first(serve_service, service, path, answer):
    site = await serve_service(service)
    assert (await site.ask(path, b"x", content_type="text/plain")).json == answer


@pytest.mark.parametrize(
    ("path", "rest"),
    [("/files/a", "a"), ("/files/a/b%20c/%C3%A4", "a/b c/ä"), ("/files/a%2Fb", "a/b"), ("/files/metrics", "metrics")],
)
async def test_the_rest_of_a_path_is_decoded_text(serve_service, service, path, rest):
    site = await serve_service(service)
    answer = await site.ask(path, b"")
    assert answer.status == 200
    assert answer.body.decode() == rest


@pytest.mark.parametrize(
    "path", ["/v1/items/", "/v1/items", "/v1/items/7/", "/files/", "/files/a/../b", "/files/%2e%2e/b", "/v1/items/.."]
)
async def test_paths_that_fit_no_template_are_not_found(serve_service, service, path):
    site = await serve_service(service)
    assert (await site.ask(path, b"x", content_type="text/plain")).status == 404


async def test_a_path_that_is_not_as_annotated_is_a_400_that_names_the_parameter(serve_service, service):
    site = await serve_service(service)
    answer = await site.ask("/v1/items/seven", b"x", content_type="text/plain")
    assert (answer.status, answer.json["field"], answer.json["expected"]) == (400, "item_id", "a whole number")
    assert "'seven'" in answer.json["detail"]


async def test_other_methods_are_refused_at_templates_too(serve_service, service):
    site = await serve_service(service)
    answer = await site.ask("/v1/items/7")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_metrics_know_a_template_by_the_name_of_its_api(serve_service, service):
    site = await serve_service(service)
    for number in range(3):
        await site.ask(f"/v1/items/{number}", b"x", content_type="text/plain")
    text = (await site.ask("/metrics")).body.decode()
    assert 'jubako_request_total{api="item",code="200",service="calls"} 3.0' in text


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_the_context_tells_of_the_request_and_changes_the_answer(serve_service, kind):
    svc = Service("context")

    def look(context):
        request, response = context.request, context.response
        response.status = 201
        response.headers["X-Seen"] = "yes"
        response.set_cookie("id", "7")
        response.set_cookie("more", "8")
        return {
            "method": request.method,
            "path": request.path,
            "agent": request.headers["User-Agent"],
            "query": {name: request.query.getlist(name) for name in request.query},
            "id": request.id,
            "client": request.client,
        }

    if kind == "async":

        @svc.api(output=JSON())
        async def see(context: jubako.Context):
            return look(context)
    else:

        @svc.api(output=JSON())
        def see(context: jubako.Context):
            return look(context)

    site = await serve_service(svc)
    raw = await site.send_raw(
        b"POST /see?a=1&b=x%20y&a=2 HTTP/1.1\r\nhost: localhost\r\nuser-agent: me\r\nx-request-id: abc\r\n"
        b"content-length: 0\r\nconnection: close\r\n\r\n"
    )
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0].startswith("http/1.1 201")
    assert "x-seen: yes" in lines
    assert "set-cookie: id=7; path=/; samesite=lax" in lines
    assert "set-cookie: more=8; path=/; samesite=lax" in lines
    assert JSON().decode(body, "") == {
        "method": "POST",
        "path": "/see",
        "agent": "me",
        "query": {"a": ["1", "2"], "b": ["x y"]},
        "id": "abc",
        "client": "127.0.0.1",
    }


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_an_answer_that_can_have_no_body_has_none(serve_service, status):
    svc = Service("context")

    @svc.api(output=JSON())
    async def nothing(context: jubako.Context):
        context.response.status = status
        return "left out"

    site = await serve_service(svc)
    answer = await site.ask("/nothing", b"")
    assert (answer.status, answer.body) == (status, b"")
    assert "content-type" not in answer.headers


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b=1", "a\nb", "\u2028"])
async def test_a_client_cannot_split_an_answer_through_a_header_that_echoes_it(serve_service, caplog, value):
    svc = Service("splitting")

    @svc.api(input=JSON(), output=JSON())
    async def echo(text, context: jubako.Context):
        context.response.headers["x-echo"] = text
        return 1

    site = await serve_service(svc)
    answer = await site.ask("/echo", JSON().encode(value).body)
    assert answer.status == 500
    assert not {"set-cookie", "x-echo"} & set(answer.headers)
    assert "'x-echo' that HTTP forbids" in caplog.text


async def test_what_was_set_is_not_sent_with_a_problem(serve_service):
    svc = Service("context")

    @svc.api(output=JSON())
    async def fail(context: jubako.Context):
        context.response.status = 201
        context.response.set_cookie("id", "7")
        raise BadInput("no")

    site = await serve_service(svc)
    answer = await site.ask("/fail", b"")
    assert answer.status == 400
    assert "set-cookie" not in answer.headers


async def test_an_api_without_input_takes_requests_with_and_without_a_body(serve_service):
    svc = Service("empty")

    @svc.api()
    def ping() -> str:
        return "pong"

    site = await serve_service(svc, max_body_bytes=10)
    assert (await site.ask("/ping", method="POST", headers={"content-length": "0"})).body == b"pong"
    assert (await site.ask("/ping", b"{}", content_type="anything")).body == b"pong"
    assert (await site.ask("/ping", b"x" * 11)).status == 413


async def test_an_api_is_described_by_its_annotations(serve_service):
    svc = Service("annotated")

    @svc.api()
    async def shout(text: str) -> str:
        return text.upper()

    @svc.api()
    def total(numbers: list[int]) -> dict[str, int]:
        return {"total": sum(numbers)}

    site = await serve_service(svc)
    assert (await site.ask("/shout", b"x", content_type="text/plain")).body == b"X"
    assert (await site.ask("/total", b"[1, 2]")).json == {"total": 3}
    assert (await site.ask("/total", b'["a"]')).status == 400
    assert (await site.ask("/total", b"[1]", content_type="text/csv")).status == 415


class PaymentRequired(JubakoError):
    error_code = HTTPStatus.PAYMENT_REQUIRED


class Overloaded(JubakoError):
    error_code = 503


class Odd(JubakoError):
    error_code = "402"


class Own(JubakoError):
    def __init__(self, code):
        self.error_code = code


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (PaymentRequired("pay /secret first"), 402, "payment-required"),
        (Overloaded("/secret"), 503, "service-unavailable"),
        (Odd("/secret"), 500, "internal-server-error"),
        (Own(451), 451, "own"),
        (Own(507), 507, "internal-server-error"),
        (Own(200), 500, "internal-server-error"),
        (Own(True), 500, "internal-server-error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_the_status_of_an_error_is_its_own_and_only_what_is_the_clients_fault_is_told(
    serve_service, error, status, slug
):
    svc = Service("errors")

    @svc.api(output=JSON())
    def fail():
        raise error

    site = await serve_service(svc)
    answer = await site.ask("/fail", b"")
    assert (answer.status, answer.json["status"], answer.json["type"]) == (status, status, f"urn:jubako:problem:{slug}")
    assert ("secret" in answer.body.decode()) is (status == 402)


class Kept(Text):
    """Gives each body as an object that must be let go of."""

    def __init__(self, *, is_heavy=False):
        super().__init__()
        self.is_heavy = is_heavy
        self.decoded = []
        self.released = []
        self.threads = []
        self.has_released = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def decode(self, body, content_type):
        if body == b"bad":
            raise BadInput("bad")
        self.decoded.append(body)
        return body

    def release(self, value):
        self.released.append(value)
        self.threads.append(threading.current_thread().name)
        self.loop.call_soon_threadsafe(self.has_released.set)


class ReleasesBadly(Kept):
    def release(self, value):
        super().release(value)
        raise OSError("the file is gone")


async def ended(kept):
    await asyncio.wait_for(kept.has_released.wait(), 60)


ENDINGS = {"returns": 200, "refuses": 400, "fails": 500, "gives what cannot be encoded": 500}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", ["async", "sync"])
@pytest.mark.parametrize("is_heavy", [False, True])
async def test_an_input_is_let_go_of_once_however_its_function_ends(serve_service, ending, kind, is_heavy):
    svc, kept = Service("keeping"), Kept(is_heavy=is_heavy)

    def end(value):
        assert not kept.released
        if ending == "refuses":
            raise BadInput("no")
        if ending == "fails":
            raise RuntimeError
        return object() if ending == "gives what cannot be encoded" else "fine"

    async def end_later(value):
        return end(value)

    svc.api(input=kept, output=Text(), name="end")(end_later if kind == "async" else end)
    site = await serve_service(svc)
    assert (await site.ask("/end", b"x")).status == ENDINGS[ending]
    await ended(kept)
    assert kept.released == [b"x"]
    assert kept.threads[0].startswith("jubako-decode") is is_heavy
    # What was not decoded is not let go of.
    assert (await site.ask("/end", b"bad")).status == 400
    assert kept.released == [b"x"]


@pytest.mark.parametrize("kind", ["async generator", "generator"])
@pytest.mark.parametrize("ending", ["is whole", "fails"])
async def test_the_input_of_a_stream_is_kept_until_its_end(serve_service, kind, ending):
    svc, kept = Service("keeping"), Kept()

    def items(value):
        yield "first"
        assert not kept.released
        if ending == "fails":
            raise RuntimeError
        yield "last"

    async def later_items(value):
        for item in items(value):
            yield item

    svc.api(input=kept, output=Text(), name="stream")(items if kind == "generator" else later_items)
    site = await serve_service(svc)
    await site.ask("/stream", b"x")
    await ended(kept)
    assert kept.released == [b"x"]


async def test_an_input_is_let_go_of_when_its_client_leaves(serve_service):
    svc, kept, begun = Service("keeping"), Kept(), asyncio.Event()

    @svc.api(input=kept, output=Text())
    async def wait(value):
        begun.set()
        await asyncio.Event().wait()

    site = await serve_service(svc)
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"POST /wait HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx")
    await asyncio.wait_for(begun.wait(), 60)
    writer.transport.abort()
    await ended(kept)
    assert kept.released == [b"x"]


async def test_a_thread_that_works_on_after_a_timeout_keeps_its_input(serve_service):
    svc, kept, release = Service("keeping"), Kept(), threading.Event()

    @svc.api(input=kept, output=Text())
    def wait(value):
        release.wait(60)
        return "late"

    site = await serve_service(svc, timeout_s=0.2)
    assert (await site.ask("/wait", b"x")).status == 504
    assert not kept.released
    release.set()
    await ended(kept)
    assert kept.threads[0].startswith("jubako-sync")


async def test_an_input_that_is_not_let_go_of_is_logged_and_the_answer_stands(serve_service, caplog):
    svc, kept = Service("keeping"), ReleasesBadly()

    @svc.api(input=kept, output=Text())
    async def echo(value):
        return value.decode()

    site = await serve_service(svc)
    assert (await site.ask("/echo", b"x")).body == b"x"
    await ended(kept)
    assert "the input of API echo was not released" in caplog.text


class Where(Text):
    is_heavy = True

    def encode(self, value, accept=""):
        return super().encode(threading.current_thread().name)


@pytest.mark.parametrize(("kind", "thread"), [("async", "jubako-decode"), ("sync", "jubako-sync")])
async def test_heavy_answers_are_encoded_off_the_event_loop(serve_service, kind, thread):
    svc = Service("encoding")

    def give():
        return "x"

    async def give_later():
        return "x"

    svc.api(output=Where(), name="give")(give_later if kind == "async" else give)
    site = await serve_service(svc)
    assert (await site.ask("/give", b"")).body.decode().startswith(thread)
