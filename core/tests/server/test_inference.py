"""The way of one inference request, over a real Hypercorn."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest

from jubako._origins import current_origin
from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.errors import BadInput, InvalidArgument, JubakoError, NotFound, ServiceUnavailable
from jubako.io import JSON, NumpyNdarray, Text
from jubako.runners import Runner, call_deadline
from jubako.services import Service

PATIENCE_S = 60.0


class Doubler(Runner):
    """Doubles rows; refuses negative ones."""

    def _setup(self) -> None:
        self.factor = 2

    def _run_batch(self, rows):
        if (rows < 0).any():
            raise BadInput("a row is negative", field="$[0]", expected="numbers from 0")
        return rows * self.factor


@pytest.fixture
def service() -> Service:
    doubler = Doubler()
    svc = Service("example", runners=[doubler])

    @svc.api(input=NumpyNdarray(dtype="float64"), output=NumpyNdarray(), route="v1/double")
    async def double(rows):
        return await doubler.async_run_batch(rows)

    @svc.api(input=NumpyNdarray(dtype="float64"), output=NumpyNdarray())
    def double_sync(rows):
        return doubler.run_batch(rows)

    return svc


async def test_an_async_api_answers_what_its_runner_computes(serve_service, service):
    site = await serve_service(service)
    answer = await site.ask("/v1/double", b"[[1, 2], [3, 4]]")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    np.testing.assert_array_equal(answer.json, [[2, 4], [6, 8]])


async def test_a_sync_api_answers_from_a_thread(serve_service, service):
    site = await serve_service(service)
    assert (await site.ask("/double_sync", b"[[1, 2]]")).json == [[2, 4]]


async def test_bad_input_that_a_runner_finds_is_a_400_that_names_the_field(serve_service, service):
    site = await serve_service(service)
    answer = await site.ask("/v1/double", b"[[-1, 2]]")
    assert answer.status == 400
    assert answer.json["field"] == "$[0]"
    assert answer.json["expected"] == "numbers from 0"
    assert "a row is negative" in answer.json["detail"]


class Quota(JubakoError):
    error_code = 402


class Nonsense(JubakoError):
    error_code = 200


class Abrupt(BaseException):
    """What `except Exception` does not catch."""


@pytest.mark.parametrize(
    ("error", "status", "slug", "detail"),
    [
        (BadInput("too sweet"), 400, "bad-input", "too sweet"),
        (InvalidArgument("no such model"), 400, "invalid-argument", "no such model"),
        (NotFound("no user 7"), 404, "not-found", "no user 7"),
        (Quota("pay first"), 402, "quota", "pay first"),
        (ServiceUnavailable("/secret/socket is gone"), 503, "service-unavailable", None),
        (JubakoError("/secret/path"), 500, "internal-server-error", None),
        (Nonsense("/secret"), 500, "internal-server-error", None),
        (RuntimeError("/secret/path"), 500, "internal-server-error", None),
        (TimeoutError("/secret/path"), 500, "internal-server-error", None),
        (SystemExit("/secret"), 500, "internal-server-error", None),
        (KeyboardInterrupt("/secret"), 500, "internal-server-error", None),
        (Abrupt("/secret"), 500, "internal-server-error", None),
        (StopIteration("/secret"), 500, "internal-server-error", None),
        (asyncio.CancelledError("/secret"), 500, "internal-server-error", None),
        (RecursionError("/secret"), 500, "internal-server-error", None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_what_user_code_raises_decides_the_answer(serve_service, caplog, kind, error, status, slug, detail):
    svc = Service("raising")
    if kind == "async":

        @svc.api(input=Text(), output=Text())
        async def fail(text):
            raise error
    else:

        @svc.api(input=Text(), output=Text())
        def fail(text):
            raise error

    site = await serve_service(svc)
    answer = await site.ask("/fail", b"x", content_type="text/plain")
    assert (answer.status, answer.json["type"]) == (status, f"urn:jubako:problem:{slug}")
    if detail is not None:
        assert answer.json["detail"] == detail
    else:
        assert "secret" not in answer.body.decode()
        # What the client is not told is in the log, under the id that it is told.
        assert caplog.records[-1].name == "jubako.server.inference"
        assert "fail" in caplog.text
    if status == 503:
        assert answer.headers["retry-after"] == "1"


async def test_a_result_that_cannot_be_encoded_is_the_services_fault(serve_service, caplog):
    svc = Service("wrong")

    @svc.api(input=JSON(), output=NumpyNdarray(shape=(2,), enforce_shape=True))
    async def wrong(_):
        return np.zeros(3)

    @svc.api(input=JSON(), output=Text())
    def number(_):
        return 7

    site = await serve_service(svc)
    for path in ("/wrong", "/number"):
        answer = await site.ask(path, b"1")
        assert answer.status == 500
        assert "shape" not in answer.body.decode()
    assert "cannot encode" in caplog.text


class Split(Descriptor):
    media_types = ("text/plain",)

    def decode(self, body, content_type):
        return body.decode()

    def encode(self, value, accept=""):
        return EncodedBody(b"x", "text/plain", {"x-note": value})

    def openapi_schema(self):
        return {"type": "string"}


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b=1", "a\nb", "a\x00b", "\u2028"])
async def test_a_response_header_cannot_be_split(serve_service, value, caplog):
    svc = Service("splitting")

    @svc.api(input=Text(), output=Split())
    async def echo(_):
        return value

    site = await serve_service(svc)
    answer = await site.ask("/echo", b"x", content_type="text/plain")
    assert answer.status == 500
    assert "set-cookie" not in answer.headers
    assert "x-note" in caplog.text


class Framing(Split):
    def encode(self, value, accept=""):
        return EncodedBody(b"x", "text/plain", {value: "chunked"})


@pytest.mark.parametrize(
    "name", ["transfer-encoding", "content-length", "connection", "content-type", "Content-Length", "x y", "x:y", ""]
)
async def test_a_service_does_not_say_where_its_answer_ends(serve_service, name, caplog):
    svc = Service("framing")

    @svc.api(input=Text(), output=Framing())
    async def echo(_):
        return name

    site = await serve_service(svc)
    answer = await site.ask("/echo", b"x", content_type="text/plain")
    assert answer.status == 500
    assert f"{name!r} that HTTP forbids, or leaves to the server" in caplog.text


async def test_a_slow_async_api_is_a_504_and_is_cancelled(serve_service):
    svc = Service("slow")
    ended: list[type] = []

    @svc.api(input=Text(), output=Text())
    async def wait(_):
        try:
            await asyncio.Event().wait()
        except BaseException as error:
            ended.append(type(error))
            raise

    site = await serve_service(svc, timeout_s=0.2)
    answer = await site.ask("/wait", b"x", content_type="text/plain")
    assert (answer.status, answer.json["title"]) == (504, "Deadline exceeded")
    assert "0.2 s" in answer.json["detail"]
    assert ended == [asyncio.CancelledError]


@pytest.mark.parametrize(
    ("asked", "allowed_s", "status"),
    [("0.05", 33_000, 504), ("90000", 0.05, 504), ("20000", 33_000, 200), ("90000", 33_000, 200)],
)
@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_a_client_may_shorten_the_time_of_its_request_but_not_lengthen_it(
    serve_service, kind, asked, allowed_s, status
):
    svc = Service("asked")
    release = threading.Event()

    async def wait(_):
        if status == 504:
            await asyncio.Event().wait()
        return [round(call_deadline.get() - time.monotonic(), -3)]

    def wait_in_thread(_):
        if status == 504:
            release.wait(PATIENCE_S)
        return [round(call_deadline.get() - time.monotonic(), -3)]

    svc.api(input=JSON(), output=JSON(), name="wait")(wait if kind == "async" else wait_in_thread)
    site = await serve_service(svc, timeout_s=allowed_s)
    answer = await site.ask("/wait", b"1", headers={"x-request-timeout": asked})
    release.set()
    assert answer.status == status
    if status == 200:
        assert answer.json == [min(float(asked), allowed_s)]
    else:
        assert answer.json["detail"] == "The answer was not ready within 0.05 s."


async def test_a_timeout_that_is_none_is_a_400_that_names_the_header(serve_service, service):
    site = await serve_service(service)
    answer = await site.ask("/v1/double", b"[[1]]", headers={"x-request-timeout": "50ms"})
    assert (answer.status, answer.json["field"]) == (400, "X-Request-Timeout")
    assert "'50ms'" in answer.json["detail"]
    assert answer.json["expected"] == "seconds above 0, such as 2 or 0.05"


async def test_a_body_that_comes_later_than_the_client_allows_is_a_408(serve_service, service):
    site = await serve_service(service)
    raw = await site.send_raw(
        b"POST /v1/double HTTP/1.1\r\nhost: localhost\r\nx-request-timeout: 0.05\r\ncontent-length: 9\r\n\r\n"
    )
    assert raw.startswith(b"HTTP/1.1 408")
    assert b"within 0.05 s" in raw


class Slow(Text):
    """Takes longer to read a body than its request has."""

    def decode(self, body, content_type):
        time.sleep(0.1)
        return super().decode(body, content_type)


async def test_a_function_is_not_called_when_the_time_is_over(serve_service):
    svc = Service("busy")
    calls = []

    @svc.api(input=Slow(), output=Text())
    async def note(text):
        calls.append(text)
        return text

    site = await serve_service(svc)
    for seconds, status in (("0.05", 504), ("3000", 200)):
        answer = await site.ask("/note", b"x", content_type="text/plain", headers={"x-request-timeout": seconds})
        assert answer.status == status
    assert calls == ["x"]


async def test_threads_that_timed_out_stay_counted_and_readiness_says_so(serve_service):
    svc = Service("stuck")
    release = threading.Event()

    @svc.api(input=Text(), output=Text())
    def wait(text):
        release.wait(PATIENCE_S)
        return text

    site = await serve_service(svc, timeout_s=2.0, sync_threads=2, sync_waiting=1)
    try:
        answers = await asyncio.gather(*(site.ask("/wait", b"x", content_type="text/plain") for _ in range(5)))
        assert sorted(answer.status for answer in answers) == [429, 429, 504, 504, 504]
        refused = next(answer for answer in answers if answer.status == 429)
        assert refused.headers["retry-after"] == "1"
        readiness = await site.ask("/readyz")
        assert readiness.status == 503
        assert readiness.json["reasons"] == ["Every thread for sync functions runs a call that has timed out."]
    finally:
        release.set()
    async with asyncio.timeout(PATIENCE_S):
        while (await site.ask("/readyz")).status != 200:
            pass  # the threads return at any moment
    assert (await site.ask("/wait", b"x", content_type="text/plain")).body == b"x"


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_user_code_sees_deadline_and_request_id(serve_service, kind):
    svc = Service("context")

    def look(_):
        remaining_s = call_deadline.get() - time.monotonic()
        return [round(remaining_s, -3), current_origin().request_id]

    async def look_async(_):
        return look(_)

    svc.api(input=JSON(), output=JSON(), name="look")(look_async if kind == "async" else look)
    site = await serve_service(svc, timeout_s=33_000)
    assert (await site.ask("/look", b"1", headers={"x-request-id": "abc"})).json == [33_000, "abc"]


async def test_a_client_that_leaves_withdraws_its_async_call(serve_service):
    svc = Service("leaving")
    begun, cancelled = asyncio.Event(), asyncio.Event()

    @svc.api(input=Text(), output=Text())
    async def wait(_):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    site = await serve_service(svc)
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"POST /wait HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 1\r\n\r\nx")
    await asyncio.wait_for(begun.wait(), PATIENCE_S)
    writer.transport.abort()
    await asyncio.wait_for(cancelled.wait(), PATIENCE_S)
    # Nothing was answered, and the series of clients that left says so.
    text = (await site.ask("/metrics")).body.decode()
    assert 'jubako_request_total{api="wait",code="499",service="leaving"} 1.0' in text


class Where(Text):
    """Tells in which thread a body was decoded."""

    def decode(self, body, content_type):
        return threading.current_thread().name


@pytest.mark.parametrize(("size", "thread"), [(1000, "MainThread"), (300_000, "jubako-decode-0")])
async def test_large_bodies_are_decoded_off_the_event_loop(serve_service, size, thread):
    svc = Service("decoding")

    @svc.api(input=Where(), output=Text())
    async def where(name):
        return name

    site = await serve_service(svc)
    assert (await site.ask("/where", b"x" * size, content_type="text/plain")).body.decode() == thread


async def test_a_thousand_requests_at_once_are_all_answered_right(serve_service, service):
    site = await serve_service(service, max_connections=2000)

    async def ask(number: int) -> bool:
        answer = await site.ask("/v1/double", b"[[%d, 1]]" % number)
        return answer.status == 200 and answer.json == [[2 * number, 2]]

    assert all(await asyncio.gather(*(ask(number) for number in range(1000))))
