"""What is hidden in logs, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.server.redaction import redact


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("cannot reach s3://key:se@cret@bucket/x", "cannot reach s3://***@bucket/x"),
        ("GET https://token@host:80/a/b", "GET https://***@host:80/a/b"),
        ("PUT 'https://host/a?X-Amz-Signature=abc&b=c' failed", "PUT 'https://host/a?***' failed"),
        ("a http://u:p@h, http://h/?q=1 and https://h/plain", "a http://***@h, http://h/?*** and https://h/plain"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: ***"),
        ("proxy-authorization=abc", "proxy-authorization=***"),
        ("Cookie: a=b; c=d\nnext", "Cookie: ***\nnext"),
        ("{'set-cookie': 'a=b', 'x': 1}", "{'set-cookie': '***', 'x': 1}"),
        ("[(b'x-api-key', b'k1'), (b'x', b'y')]", "[(b'x-api-key', b'***'), (b'x', b'y')]"),
        ('{"authorization":"Bearer x"}', '{"authorization":"***"}'),
        ("sent bearer eyJhbGciOi.JIUzI1NiJ9", "sent bearer ***"),
    ],
)
def test_credentials_and_queries_are_hidden(text, redacted):
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "the Authorization header is missing",
        "the bearer authentication is off",
        "cookie, biscuit",
        "Serving iris at http://127.0.0.1:3000 (Ctrl-C stops)",
        "s3://bucket/models/iris@home",
        "why? because",
        "mail user@example.org",
        "",
    ],
)
def test_other_text_stays_as_it_is(text):
    assert redact(text) == text


@given(st.text(st.sampled_from("a:/@?'= \nbearer0")))
def test_what_is_hidden_is_hidden_once_and_for_all(text):
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    ["a." * 4096, "a://" * 2048, "authorization" * 600, "bearer " * 1200, "cookie=" * 1200, "a@" * 4096],
    ids=lambda text: text[:4],
)
def test_a_hostile_text_takes_no_longer_than_another(text):
    # A few seconds' work at most; if it grew with the square of the length, hours.
    redact(text * 100)
