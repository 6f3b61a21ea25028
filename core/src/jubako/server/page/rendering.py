"""The page at `/`, made of the OpenAPI document and the README."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jubako.server.page._forms import read_operations
from jubako.server.page._markdown import render_markdown
from jubako.server.page.shell import SCRIPT, STYLE, TEMPLATES


def render_page(document: Mapping[str, Any], readme: str) -> str:
    """Return the page as HTML.

    Args:
        document: the service's OpenAPI document; its names and texts are escaped, descriptions are Markdown.
        readme: Markdown, or empty.
    """
    return TEMPLATES.get_template("page.html").render(
        info=document["info"],
        readme=render_markdown(readme, headings_below=1) if readme.strip() else "",
        apis=tuple(read_operations(document, "app")),
        endpoints=tuple(read_operations(document, "infra")),
        style=STYLE,
        script=SCRIPT,
    )
