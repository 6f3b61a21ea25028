"""The page at `/`: what a service offers, with a form to try each API. One document, no other files, works offline."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from jubako.services import Service

_FOLDER = Path(__file__).parent
_STYLE = (_FOLDER / "page.css").read_text(encoding="utf-8")
_SCRIPT = (_FOLDER / "page.js").read_text(encoding="utf-8")
_TEMPLATE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    (_FOLDER / "page.html").read_text(encoding="utf-8")
)


def _hash_source(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


# Only this style and this script run, by their digests: text of a service that slipped through could do nothing.
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src {_hash_source(_STYLE)}; script-src {_hash_source(_SCRIPT)}; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

PAGE_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    # No other site learns of the page's address, or keeps a hold of its window.
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    # For browsers that do not know frame-ancestors.
    "x-frame-options": "DENY",
}


def render_page(service: Service) -> str:
    """Return the page as HTML; names, documentation and schemas are escaped."""
    apis = [
        {
            "route": api.route,
            "doc": api.doc,
            "media_type": next(iter(api.input.openapi_request_schema()), ""),
            "schemas": json.dumps(
                {"input": api.input.openapi_schema(), "output": api.output.openapi_schema()}, indent=2
            ),
        }
        for api in service.apis.values()
    ]
    return _TEMPLATE.render(
        name=service.name,
        version=service.version,
        apis=apis,
        style=Markup(_STYLE),  # noqa: S704  # a file of this package
        script=Markup(_SCRIPT),  # noqa: S704  # a file of this package
    )
