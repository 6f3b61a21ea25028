"""The page's frame, style and scripts, the policy that lets nothing else run, and what is shown without an API key."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

_FOLDER = Path(__file__).parent
# One after another; each uses what stands before it.
_SCRIPTS = ("json_text.js", "requests.js", "answers.js", "page.js")

STYLE = Markup((_FOLDER / "page.css").read_text(encoding="utf-8"))  # noqa: S704  # a file of this package
SCRIPT = Markup(  # noqa: S704  # files of this package
    "".join((_FOLDER / name).read_text(encoding="utf-8") for name in _SCRIPTS)
)
TEMPLATES = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, loader=FileSystemLoader(_FOLDER))


def _hash_source(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src {_hash_source(STYLE)}; script-src {_hash_source(SCRIPT)}; "
    # `data:` is the icon in the tab; `blob:` is what somebody sends or was answered, shown.
    "connect-src 'self'; img-src data: blob:; media-src blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

PAGE_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    # No other site learns of the page's address, or keeps a hold of its window.
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    # For browsers that do not know frame-ancestors.
    "x-frame-options": "DENY",
}


def render_key_page() -> str:
    """Return what a browser without an API key is shown: a form for the key, and nothing of the service."""
    return TEMPLATES.get_template("key.html").render(style=STYLE, script=SCRIPT)
