"""Page, OpenAPI document, health, metrics, and what other paths answer."""

from __future__ import annotations

import pytest
from prometheus_client import Counter

from jubako.io import JSON
from jubako.runners import Runner
from jubako.server import make_application
from jubako.server.endpoints import PATHS
from jubako.services import Service
from jubako.settings import MetricsSettings


@pytest.fixture
def service() -> Service:
    svc = Service("plain")

    @svc.api(input=JSON(), output=JSON(), doc="Says <script>alert(1)</script> & more.")
    async def echo(value):
        return value

    return svc


@pytest.mark.parametrize("path", ["/healthz", "/livez"])
async def test_a_live_server_says_so(serve_service, service, path):
    site = await serve_service(service)
    answer = await site.ask(path)
    assert (answer.status, answer.body) == (200, b"\n")


async def test_a_started_server_is_ready_until_it_drains(serve_service, service):
    site = await serve_service(service)
    assert (await site.ask("/readyz")).json == {"ready": True, "reasons": []}
    site.application.begin_drain()
    answer = await site.ask("/readyz")
    assert (answer.status, answer.json) == (503, {"ready": False, "reasons": ["The server is stopping."]})
    assert (await site.ask("/echo", b"1")).status == 200


async def test_the_openapi_document_is_the_services(serve_service, service):
    site = await serve_service(service)
    assert (await site.ask("/docs.json")).json == service.openapi_doc()


async def test_the_page_lists_the_apis_and_escapes_their_text(serve_service, service):
    site = await serve_service(service)
    answer = await site.ask("/")
    page = answer.body.decode()
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "POST /echo" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more." in page
    assert page.count("<script>") == 1
    assert "script-src 'sha256-" in answer.headers["content-security-policy"]
    # Nothing is fetched from anywhere; this names a kind of picture.
    page = page.replace("http://www.w3.org/2000/svg", "")
    assert "http://" not in page
    assert "https://" not in page


async def test_the_page_trusts_nobody_and_is_framed_by_nobody(serve_service, service):
    site = await serve_service(service)
    headers = (await site.ask("/")).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert "server" not in headers


@pytest.mark.parametrize("path", [*PATHS, "/nothing"])
async def test_no_browser_takes_an_answer_for_something_else(serve_service, service, path):
    site = await serve_service(service)
    assert (await site.ask(path)).headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["//docs.json", "/docs.json/", "/docs.json//", "//", "///evil.example/docs.json"])
async def test_nobody_is_redirected(serve_service, service, path):
    site = await serve_service(service)
    answer = await site.ask(path)
    assert answer.status in (200, 404)  # Quart takes any number of slashes at the beginning
    assert "location" not in answer.headers


async def test_a_debug_flag_changes_nothing(serve_app, make_workspace, service, monkeypatch):
    monkeypatch.setenv("QUART_DEBUG", "1")
    monkeypatch.setenv("FLASK_DEBUG", "1")

    async def fail():
        raise RuntimeError("the secret")

    application = make_application(service, workspace=make_workspace())
    application._quart.add_url_rule("/fail", view_func=fail)
    site = await serve_app(application)
    answer = await site.ask("/fail")
    assert (answer.status, answer.json["type"]) == (500, "urn:jubako:problem:internal-server-error")
    assert "secret" not in answer.body.decode()
    assert application._quart.debug is False


async def test_every_built_in_path_is_known_to_metrics_and_to_the_tests_of_access(service, make_workspace):
    quart = make_application(service, workspace=make_workspace())._quart
    assert {rule.rule for rule in quart.url_map.iter_rules()} == set(PATHS)


@pytest.mark.parametrize("path", ["/", "/docs.json", "/healthz", "/livez", "/readyz", "/metrics"])
async def test_built_in_endpoints_take_get_and_head_only(serve_service, service, path):
    site = await serve_service(service)
    head = await site.ask(path, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    answer = await site.ask(path, b"x", method="POST")
    assert answer.status == 405
    assert {"GET", "HEAD"} <= {method.strip() for method in answer.headers["allow"].split(",")}
    assert answer.json["type"] == "urn:jubako:problem:method-not-allowed"


async def test_no_file_of_the_server_can_be_fetched(serve_service, service):
    site = await serve_service(service)
    for path in ("/static/page.js", "/static/../page.js", "/page.js"):
        assert (await site.ask(path)).status == 404


async def test_requests_are_counted_by_api_and_code_never_by_path(serve_service, service):
    site = await serve_service(service)
    await site.ask("/echo", b"1")
    await site.ask("/echo", b"{")
    for number in range(20):
        await site.ask(f"/scan/{number}")
    text = (await site.ask("/metrics")).body.decode()
    assert 'jubako_request_total{api="echo",code="200",service="plain"} 1.0' in text
    assert 'jubako_request_total{api="echo",code="400",service="plain"} 1.0' in text
    assert 'jubako_request_total{api="other",code="404",service="plain"} 20.0' in text
    assert 'jubako_request_duration_seconds_count{api="echo",code="200",service="plain"} 1.0' in text
    assert 'jubako_request_in_progress{api="/metrics",service="plain"} 1.0' in text
    assert "scan" not in text


async def test_a_name_with_dots_and_hyphens_is_served_counted_and_described(serve_service):
    svc = Service("20.news-groups")

    @svc.api(input=JSON(), output=JSON())
    def echo(value):
        return value

    site = await serve_service(svc)
    assert (await site.ask("/echo", b"1")).json == 1
    text = (await site.ask("/metrics")).body.decode()
    assert 'jubako_request_total{api="echo",code="200",service="20.news-groups"} 1.0' in text
    document = (await site.ask("/docs.json")).json
    assert document["paths"]["/echo"]["post"]["operationId"] == "20.news-groups__echo"
    assert "20.news-groups" in (await site.ask("/")).body.decode()


class Sum(Runner):
    """Sums rows."""

    def _setup(self) -> None:
        pass

    def _run_batch(self, rows):
        return [sum(row) for row in rows]


async def test_batches_are_counted_by_runner_and_method(serve_service):
    runner = Sum("adder")
    svc = Service("batching", runners=[runner])

    @svc.api(input=JSON(), output=JSON())
    async def add(rows):
        return await runner.async_run_batch(rows)

    site = await serve_service(svc)
    assert (await site.ask("/add", b"[[1,2],[3,4],[5,6]]")).json == [3, 7, 11]
    text = (await site.ask("/metrics")).body.decode()
    assert 'jubako_batch_size_sum{method="run",runner="adder",service="batching"} 3.0' in text
    assert 'jubako_batch_size_count{method="run",runner="adder",service="batching"} 1.0' in text
    assert 'jubako_batch_compute_seconds_count{method="run",runner="adder",service="batching"} 1.0' in text
    assert 'jubako_batch_queue_seconds_count{method="run",runner="adder",service="batching"} 1.0' in text
    assert 'jubako_queue_rows{runner="adder",service="batching"} 0.0' in text


async def test_metrics_of_user_code_are_shown_too(serve_service, service):
    counter = Counter("users_own", "A metric that a service keeps.")
    counter.inc(3)
    site = await serve_service(service)
    assert "users_own_total 3.0" in (await site.ask("/metrics")).body.decode()


async def test_metrics_that_are_switched_off_are_not_there(serve_service, service):
    site = await serve_service(service, metrics=MetricsSettings(enabled=False))
    assert (await site.ask("/metrics")).status == 404


class Lost(Runner):
    """Cannot be set up."""

    def _setup(self) -> None:
        raise OSError("the weights are gone")

    def _run_batch(self, rows):
        return rows


async def test_a_runner_that_cannot_start_keeps_the_server_from_starting_and_says_why(serve_app, make_workspace):
    application = make_application(Service("lost", runners=[Lost()]), workspace=make_workspace())
    with pytest.raises(Exception, match="the weights are gone"):
        await serve_app(application)
