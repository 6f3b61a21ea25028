"""A real service in a process of its own, and Chromium, which reaches nothing but this server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from tests.harness.served import Served

HERE = Path(__file__).parent
README = """# Flowers

Tells the species of **irises**, and more.

| petal | species |
|---|---|
| short | *setosa* |
| long | *virginica* |

<script>window.hacked = true</script><img src="https://evil.example/x.png" onerror="window.hacked = true">
[a trap](javascript:window.hacked=true) ![a picture](https://evil.example/y.png) [the endpoints](#endpoints)
"""

# Names that resolve to nothing, here or elsewhere.
_CUT = ("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--no-proxy-server")


@attrs.define
class Seen:
    """What a browser did while somebody used a page.

    Args:
        origin: of the server.
        requests: every address that it asked for.
        complaints: what stood in its console as an error or a warning, and scripts that failed.
    """

    origin: str
    requests: list[str] = attrs.field(factory=list)
    complaints: list[str] = attrs.field(factory=list)

    def check(self) -> None:
        """Fail if anything else than this server was asked, or anything was wrong with the page."""
        own = (self.origin, "data:", f"blob:{self.origin}")
        assert [url for url in self.requests if not url.startswith(own)] == []
        assert self.complaints == []


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: tox run -e page")
    names = (os.environ.get("JUBAKO_TEST_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("there is no Chromium on PATH, and JUBAKO_TEST_CHROMIUM names none")
    with playwright.sync_playwright() as driver:
        # Its sandbox needs rights that tests in containers do not have; it opens our own page only.
        started = driver.chromium.launch(executable_path=found, args=["--no-sandbox", *_CUT])
        yield started
        started.close()


@pytest.fixture(scope="session")
def serve_flowers(browser: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """Build a Bento of the service with a README, and serve it."""
    servers: list[Served] = []

    def start(readme: str) -> Served:
        folder = tmp_path_factory.mktemp("flowers")
        shutil.copy(HERE / "flowers.py", folder / "flowers.py")
        (folder / "README.md").write_text(readme, encoding="utf-8")
        environment = {**os.environ, "JUBAKO_HOME": str(folder / "home"), "JUBAKO_PLUGINS": ""}
        build = ["build", "--service", "flowers.py:svc", "--description", "file: README.md", "--version", "1.0.0"]
        subprocess.run([sys.executable, "-m", "jubako", *build], cwd=folder, env=environment, check=True, timeout=120)
        servers.append(Served(folder, "flowers:1.0.0"))
        servers[-1].wait_until_ready()
        return servers[-1]

    yield start
    for served in servers:
        served.close()


@pytest.fixture(scope="session")
def flowers(serve_flowers: Callable[..., Served]) -> Served:
    """The service, with a README that tries to do harm."""
    return serve_flowers(README)


@pytest.fixture
def open_page(browser: object) -> Iterator[Callable[..., object]]:
    """Open the page of a served service; at the end nothing else was asked, and nothing was wrong."""
    contexts, seen = [], []

    def start(served: Served, viewport: dict[str, int], path: str = "/", **options: object) -> object:
        context = browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        watched = Seen(f"http://127.0.0.1:{served.port}")
        seen.append(watched)
        page = context.new_page()
        page.seen = watched
        page.set_default_timeout(20_000)
        page.on("request", lambda request: watched.requests.append(request.url))
        page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: message.type in ("error", "warning") and watched.complaints.append(message.text),
        )
        page.goto(watched.origin + path)
        return page

    yield start
    for context in contexts:
        context.close()
    for watched in seen:
        watched.check()
