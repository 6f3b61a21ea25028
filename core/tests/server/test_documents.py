"""The OpenAPI document and the page as a server answers them: keys, root paths, tags, 304."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from jubako.io import JSON
from jubako.server import make_application
from jubako.server.page.shell import CONTENT_SECURITY_POLICY
from jubako.services import Service
from jubako.settings import MetricsSettings

KEY = {"x-api-key": "the-key"}


@pytest.fixture
def service() -> Service:
    svc = Service("plain")

    @svc.api(input=JSON(), output=JSON())
    async def echo(value):
        return value

    return svc


@pytest.mark.parametrize("path", ["/", "/docs.json"])
async def test_what_a_browser_has_already_is_not_sent_again(serve_service, service, path):
    site = await serve_service(service)
    first = await site.ask(path)
    assert first.headers["cache-control"] == "private, no-cache"
    again = await site.ask(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    other = await site.ask(path, headers={"if-none-match": '"another"'})
    assert (other.status, other.body) == (200, first.body)


async def test_equal_services_have_equal_tags(serve_service, service):
    sites = [await serve_service(service), await serve_service(service)]
    for path in ("/", "/docs.json"):
        assert len({(await site.ask(path)).headers["etag"] for site in sites}) == 1


async def test_a_server_that_asks_for_keys_describes_them(serve_service, service):
    site = await serve_service(service, api_keys=("the-key",))
    document = (await site.ask("/docs.json", headers=KEY)).json
    validate(document, cls=OpenAPIV31SpecValidator)
    schemes = document["components"]["securitySchemes"]
    assert {name: scheme["type"] for name, scheme in schemes.items()} == {"bearer": "http", "apiKey": "apiKey"}
    assert document["security"] == [{"bearer": []}, {"apiKey": []}]
    open_paths = {path for path, item in document["paths"].items() if item.get("get", {}).get("security") == []}
    assert open_paths == {"/healthz", "/livez", "/readyz"}
    # Of the service alone nothing is known of keys: a Bento is the same wherever it is served.
    assert "security" not in service.openapi_doc()


async def test_a_browser_without_a_key_is_asked_for_one_and_told_nothing(serve_service, service):
    site = await serve_service(service, api_keys=("the-key",))
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    answer = await site.ask("/", headers=browser)
    assert answer.status == 401
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert b'type="password"' in answer.body
    visible = answer.body.partition(b"<script>")[0].partition(b"</style>")[2]
    assert b"plain" not in visible
    assert b"echo" not in visible
    opened = await site.ask("/", headers={**browser, "authorization": "Bearer the-key"})
    assert opened.status == 200
    # Both have the script and the style of the policy, so that one can take the other's place.
    assert opened.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


@pytest.mark.parametrize("path", ["/docs.json", "/metrics", "/nothing", "/echo"])
async def test_other_paths_refuse_browsers_like_everybody(serve_service, service, path):
    site = await serve_service(service, api_keys=("the-key",))
    answer = await site.ask(path, headers={"accept": "text/html"})
    assert (answer.status, answer.headers["content-type"]) == (401, "application/problem+json")
    assert (await site.ask("/", b"{}", headers={"accept": "text/html"})).json["status"] == 401


async def test_a_document_counts_from_the_root_path(service, make_workspace):
    application = make_application(service, workspace=make_workspace())
    transport = httpx.ASGITransport(app=application, root_path="/models/plain")
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        document = (await client.get("/models/plain/docs.json")).json()
        assert document["servers"] == [{"url": "/models/plain"}]
        page = (await client.get("/models/plain/")).text
    validate(document, cls=OpenAPIV31SpecValidator)
    # The page finds everything from where it was found itself.
    assert "/models/plain" not in page
    await application.stop()


async def test_metrics_that_are_switched_off_are_not_described(serve_service, service):
    site = await serve_service(service, metrics=MetricsSettings(enabled=False))
    assert "/metrics" not in (await site.ask("/docs.json")).json["paths"]
    assert "/metrics" not in (await site.ask("/")).body.decode()


async def test_a_readme_is_rendered_and_can_do_no_harm(serve_service, service):
    class Bento:
        doc = "# Irises\n\n<script>alert(1)</script> [x](javascript:alert(1)) ![x](https://evil.example/x.png)"

    service.bento = Bento()
    site = await serve_service(service)
    page = (await site.ask("/")).body.decode()
    assert "<h2>Irises</h2>" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; [x](javascript:alert(1))" in page
    assert "<img" not in page
    assert page.count("<script>") == 1


async def test_names_and_schemas_cannot_break_out_of_the_page(serve_service):
    pydantic = pytest.importorskip("pydantic")
    evil = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    model = pydantic.create_model("Model", value=(str, pydantic.Field(default=evil, description=evil, alias=evil)))
    svc = Service("plain")

    @svc.api(input=JSON(model), output=JSON(model), doc=evil)
    async def echo(value):
        return value

    site = await serve_service(svc)
    page = (await site.ask("/")).body.decode()
    assert page.count("<script>") == 1
    assert "<img" not in page


def test_a_server_starts_without_what_only_its_page_needs():
    script = "import sys, jubako.server; print(*[name for name in sys.modules if 'markdown' in name])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
