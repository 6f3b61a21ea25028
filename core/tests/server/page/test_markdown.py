from __future__ import annotations

import html.parser
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.server.page._markdown import render_markdown


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def tags_of(text):
    reader = Tags()
    reader.feed(str(render_markdown(text, headings_below=1)))
    return reader.found


def test_markdown_is_shown_as_it_is_meant():
    html = str(render_markdown("# Irises\n\nAsk *once*:\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", headings_below=1))
    assert "<h2>Irises</h2>" in html
    assert "<em>once</em>" in html
    assert "<td>1</td>" in html
    # The page's policy refuses styles of elements.
    assert '<td class="align-right">1</td>' in render_markdown("| a |\n|--:|\n| 1 |\n", headings_below=1)


def test_headings_stand_below_those_of_the_page():
    html = str(render_markdown("# A\n\n###### B\n", headings_below=3))
    assert re.findall(r"</?h\d>", html) == ["<h4>", "</h4>", "<h6>", "</h6>"]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "before <img src=x onerror=alert(1)> after",
        "<style>*{display:none}</style>",
        "<iframe src='https://evil.example'></iframe>",
        "<!-- --><svg onload=alert(1)>",
        "`</code><script>alert(1)</script>`",
        "```\n</pre><script>alert(1)</script>\n```",
        "```</style><script>\nx\n```",
        "# <b onclick=alert(1)>title</b>",
    ],
)
def test_tags_are_shown_as_text(text):
    assert {tag for tag, _ in tags_of(text)} <= {"p", "code", "pre", "h2"}
    assert not [name for _, attributes in tags_of(text) for name in attributes if name.startswith("on")]


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java&#10;script:alert(1)",
        "&#106;avascript:alert(1)",
        "\x01javascript:alert(1)",
        "vbscript:x",
        "data:text/html,<script>alert(1)</script>",
        "data:image/svg+xml;base64,PHN2Zy8+",
        "file:///etc/passwd",
        "blob:https://example.org/x",
        "intent:x",
    ],
)
@pytest.mark.parametrize("form", ["[a]({0})", "[a](<{0}>)", "<{0}>", "[a]\n\n[a]: {0}", "![a]({0})"])
def test_links_that_run_something_are_no_links(address, form):
    assert [tag for tag, _ in tags_of(form.format(address)) if tag != "p"] == []


@pytest.mark.parametrize("address", ["https://example.org/a?b=c#d", "mailto:a@example.org", "#here", "docs.json", "/x"])
def test_harmless_links_lead_where_they_say_and_tell_nobody_from_where(address):
    (link,) = [attributes for tag, attributes in tags_of(f"[a]({address})") if tag == "a"]
    assert link == {"href": address, "rel": "noopener noreferrer nofollow"}


def test_images_are_links_and_none_is_fetched():
    assert tags_of("![A plot](https://example.org/p.png)") == [
        ("p", {}),
        ("a", {"href": "https://example.org/p.png", "rel": "noopener noreferrer nofollow"}),
    ]
    assert "A plot" in render_markdown("![A plot](docs/p.png)", headings_below=1)
    assert [tag for tag, _ in tags_of("![A plot](docs/p.png)")] == ["p"]
    # A badge: the link is that of the text round it.
    badge = tags_of("[![build](https://ci.example/b.svg)](https://ci.example/)")
    assert [attributes.get("href") for tag, attributes in badge if tag == "a"] == ["https://ci.example/"]


def test_a_long_text_is_cut_and_says_so():
    html = str(render_markdown("word " * 100_000, headings_below=1))
    assert len(html) < 300_000
    assert "longer than 256 KiB" in html


@given(st.lists(st.sampled_from("<>\"'`[]()!*_#|\\&;:/ \nabscripthtef="), max_size=60).map("".join))
def test_whatever_is_written_no_other_tags_come_out(text):
    allowed = {
        *("p", "em", "strong", "s", "code", "pre", "a", "ul", "ol", "li", "blockquote", "hr", "br"),
        *("h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
    }
    for tag, attributes in tags_of(text):
        assert tag in allowed
        assert set(attributes) <= {"href", "rel", "title", "class", "start"}
