"""`ExtensionTests`: the contract of the hook `jubako_extend_application`, for plugins' own tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from jubako.contracts.backend import BatchRecord
from jubako.contracts.extensions import Extension, Observer, RequestRecord, Route
from jubako.io import JSON
from jubako.plugins import Extended, compose, extend_application
from jubako.server import Application, make_application
from jubako.services import Service
from jubako.settings import AccessLogSettings, LoggingSettings, PluginSettings, ServerSettings, Settings, StoreSettings
from jubako.testing._required import required_name
from jubako.workspace import open_workspace

_PATIENCE_S = 10.0


class ExtensionTests:
    """Subclass it as `TestX` and name the plugin; the distribution must be installed.

    Attributes:
        name: the plugin's name, that of its entry point in the group `jubako.v1`.
        headers: what a request needs so that the plugin's middleware lets it pass.
    """

    name: str = required_name("plugin")
    headers: dict[str, str] = {}  # noqa: RUF012 - a subclass replaces it

    def service(self) -> Service:
        """The Service that is extended; a new one each time. It needs an API `echo` of JSON."""
        svc = Service("extended")

        @svc.api(input=JSON(), output=JSON())
        async def echo(value: Any) -> Any:
            return value

        return svc

    @pytest.fixture
    def extensions(self) -> tuple[Extension, ...]:
        """What the plugin adds."""
        return self._extend(self.service()).extensions

    def test_the_hook_adds_something(self, extensions: tuple[Extension, ...]) -> None:
        assert extensions

    def test_the_hook_adds_the_same_each_time(self, extensions: tuple[Extension, ...]) -> None:
        again = self._extend(self.service()).extensions
        assert [(type(one), one.name) for one in again] == [(type(one), one.name) for one in extensions]

    def test_the_service_stays_as_it_was(self) -> None:
        service = self.service()
        before = {name: repr(value) for name, value in vars(service).items()}
        self._extend(service)
        assert {name: repr(value) for name, value in vars(service).items()} == before

    def test_apis_and_pages_answer_those_who_may_pass(self, tmp_path: Path) -> None:
        async def scenario(client: httpx.AsyncClient, _: Application) -> None:
            answer = await client.post("/echo", json=[1, "a"], headers=self.headers)
            assert answer.status_code == 200, answer.text
            assert answer.json() == [1, "a"]
            assert (await client.get("/docs.json", headers=self.headers)).status_code == 200

        self._run(tmp_path, scenario)

    def test_every_route_answers(self, tmp_path: Path, extensions: tuple[Extension, ...]) -> None:
        async def scenario(client: httpx.AsyncClient, _: Application) -> None:
            for route in extensions:
                if isinstance(route, Route):
                    for method in route.methods:
                        answer = await client.request(method, route.path, headers=self.headers)
                        assert answer.status_code != 404, f"{route.path} is not there"
                        assert answer.status_code < 500, f"{method} {route.path}: {answer.text}"

        self._run(tmp_path, scenario)

    def test_a_websocket_at_no_path_is_refused(self, tmp_path: Path) -> None:
        async def scenario(_: httpx.AsyncClient, application: Application) -> None:
            sent: list[dict[str, Any]] = []

            async def receive() -> dict[str, Any]:
                return {"type": "websocket.connect"}

            async def send(message: dict[str, Any]) -> None:
                sent.append(message)

            headers = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
            scope = {
                "type": "websocket",
                "asgi": {"version": "3.0", "spec_version": "2.3"},
                "scheme": "ws",
                "http_version": "1.1",
                "path": "/nowhere",
                "raw_path": b"/nowhere",
                "query_string": b"",
                "root_path": "",
                "headers": [(b"host", b"localhost"), *headers],
                "client": ("127.0.0.1", 1),
                "server": ("127.0.0.1", 80),
                "subprotocols": [],
            }
            await application(scope, receive, send)
            assert [message["type"] for message in sent] == ["websocket.close"]

        self._run(tmp_path, scenario)

    def test_observers_take_records(self, extensions: tuple[Extension, ...]) -> None:
        request = RequestRecord("id-1", "POST", "echo", 200, 0.01, 5)
        batch = BatchRecord("runner", "run", 2, 1, (0.001,), 0.002, is_ok=True)
        for observer in extensions:
            if isinstance(observer, Observer):
                if observer.request_finished is not None:
                    observer.request_finished(request)
                if observer.batch_finished is not None:
                    observer.batch_finished(batch)

    def _extend(self, service: Service) -> Extended:
        composition = compose(PluginSettings(allow=(self.name,)))
        found = extend_application(composition, service)
        assert len(found) == 1, f"the plugin {self.name!r} has no hook jubako_extend_application, or is not installed"
        assert not found[0].fault, f"{found[0].fault}\n{found[0].trace}"
        return found[0]

    def _run(self, home: Path, scenario: Callable[[httpx.AsyncClient, Application], Awaitable[None]]) -> None:
        settings = Settings(
            server=ServerSettings(logging=LoggingSettings(access=AccessLogSettings(enabled=False))),
            plugins=PluginSettings(allow=(self.name,), strict=True),
            stores=StoreSettings(home=home),
        )

        async def run() -> None:
            application = make_application(self.service(), workspace=open_workspace(settings))
            try:
                transport = httpx.ASGITransport(cast("Any", application))
                async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                    await asyncio.wait_for(scenario(client, application), _PATIENCE_S)
            finally:
                await application.stop()

        asyncio.run(run())
