"""Markdown of READMEs and docstrings as HTML that can do nothing: no tags of its own, no scripts, nothing fetched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

# A README is read when the page is first asked for; its time is bounded.
_LONGEST = 256 * 1024
_CUT = "\n\n*The rest is not shown: the text is longer than 256 KiB.*\n"

# An address on the web, a mail address, or a place on this server; whatever else has a scheme is no link.
_HARMLESS = re.compile(r"(?:https?:|mailto:|[^:/?#]*(?:[/?#]|$))", re.IGNORECASE)
_ON_THE_WEB = re.compile(r"https?:", re.IGNORECASE)


def render_markdown(text: str, *, headings_below: int) -> Markup:
    """Return CommonMark, with tables, as HTML.

    Tags are shown as the text that they are. Images become links, for they would be fetched from elsewhere. Links lead
    to http, https, mailto or to this server; others are shown as they are written.

    Args:
        text: of anybody; what is longer than 256 KiB is cut.
        headings_below: the level of the heading that the text stands under: 1 makes its `#` a second level.
    """
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + _CUT
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    markdown.validateLink = lambda url: _HARMLESS.match(url) is not None  # type: ignore[method-assign]  # as documented
    tokens = markdown.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + headings_below, 6)}"
        if "style" in token.attrs:
            # The page's policy runs no style but its own; this one says how a table's column is aligned.
            token.attrs["class"] = str(token.attrs.pop("style")).replace("text-align:", "align-")
        if token.children is not None:
            token.children = list(_without_images(token.children))
    html = markdown.renderer.render(tokens, markdown.options, {})
    return Markup(html)  # noqa: S704  # every text in it was escaped by the renderer


def _without_images(tokens: Iterable[Token]) -> Iterator[Token]:
    links = 0
    for token in tokens:
        if token.type == "link_open":
            token.attrSet("rel", "noopener noreferrer nofollow")
        links += token.nesting if token.type in ("link_open", "link_close") else 0
        if token.type != "image":
            yield token
            continue
        source = str(token.attrGet("src") or "")
        text = Token("text", "", 0, content=token.content or "image")
        # A link inside a link is none.
        if links or not _ON_THE_WEB.match(source):
            yield text
        else:
            yield Token("link_open", "a", 1, attrs={"href": source, "rel": "noopener noreferrer nofollow"})
            yield text
            yield Token("link_close", "a", -1)
