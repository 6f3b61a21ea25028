"""Mounted apps that call a runner, custom routes, and a middleware round all of them."""

from __future__ import annotations

import pytest

PROGRAM = "apps"
TEXT = {"content-type": "text/plain"}


@pytest.mark.parametrize("path", ["/v1/length", "/v2/length"])
def test_a_route_may_begin_with_a_slash_or_not(client, path):
    assert client.post(path, content="seven!!", headers=TEXT).json() == 7


def test_a_flask_app_calls_a_runner(client):
    assert client.get("/flask/length", params={"text": "four"}).json() == {"length": 4}


def test_an_asgi_app_calls_a_runner(client):
    assert client.get("/asgi/any/where?text=four").json()["length"] == 4


def test_a_middleware_is_round_everything(client):
    for path in ("/", "/docs.json", "/healthz", "/flask/length?text=x", "/asgi/?text=x", "/nothing"):
        assert client.get(path).headers["x-stamp"] == "ours", path
    assert client.post("/v1/length", content="x", headers=TEXT).headers["x-stamp"] == "ours"


def test_mounted_apps_shadow_no_route_of_the_service(client):
    assert client.get("/readyz").status_code == 200
    assert "/v1/length" in client.get("/docs.json").json()["paths"]
