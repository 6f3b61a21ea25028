"""`ServedDocuments`: the OpenAPI document and the page, as this server answers them."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import attrs
import orjson

from jubako._references import load_reference
from jubako.server.api_keys import OPEN_PATHS
from jubako.services import Service
from jubako.settings import ServerSettings

_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, as Authorization: Bearer KEY."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
}


@attrs.frozen
class Served:
    """What is sent, and the tag by which a browser asks whether it has it already.

    Args:
        body: the bytes.
        etag: without quotes.
    """

    body: bytes
    etag: str

    @classmethod
    def of(cls, body: bytes) -> Served:
        """Tag a body."""
        return cls(body, hashlib.sha256(body).hexdigest()[:32])


class ServedDocuments:
    """The documents of one application.

    Args:
        service: what is served; APIs added later are not seen.
        settings: whether API keys are asked for.
        has_metrics: whether `/metrics` answers.
    """

    def __init__(self, service: Service, settings: ServerSettings, *, has_metrics: bool) -> None:
        self._document = _of_this_server(service.openapi_doc(), bool(settings.api_keys), has_metrics)
        self._served_document = Served.of(orjson.dumps(self._document))
        self._readme: str = service.doc if service.bento is not None else ""
        self._page: Served | None = None
        self._page_lock = asyncio.Lock()

    def openapi(self, root_path: str) -> Served:
        """The OpenAPI document, JSON.

        Args:
            root_path: under which another application, or a proxy, serves this one; the document's paths count from it.
        """
        if not root_path:
            return self._served_document
        return Served.of(orjson.dumps(self._document | {"servers": [{"url": root_path}]}))

    async def page(self) -> Served:
        """The page, HTML; made when it is first asked for, in a thread, for most processes are never asked."""
        async with self._page_lock:
            if self._page is None:
                self._page = await asyncio.to_thread(self._render_page)
        return self._page

    def _render_page(self) -> Served:
        # Its Markdown parser takes 0.1 s to import, which would be part of every worker's start.
        render_page = load_reference("jubako.server.page.rendering:render_page")
        return Served.of(render_page(self._document, self._readme).encode())


def _of_this_server(document: dict[str, Any], asks_for_keys: bool, has_metrics: bool) -> dict[str, Any]:
    if not has_metrics:
        del document["paths"]["/metrics"]
    if asks_for_keys:
        document["components"]["securitySchemes"] = _SECURITY_SCHEMES
        document["security"] = [{name: []} for name in _SECURITY_SCHEMES]
        for path in OPEN_PATHS & document["paths"].keys():
            document["paths"][path]["get"]["security"] = []
    return document
