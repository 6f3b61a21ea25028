"""Keys are compared whole and all of them, whatever was offered."""

from __future__ import annotations

import hmac
import sys

import pytest

from jubako.server.api_keys import ApiKeys
from jubako.server.exchange import SCOPE_KEY, Exchange

KEYS = ("first-key", "second-key", "third-key")


async def compared_for(headers) -> tuple[list[int], bool]:
    """How long the two sides of each comparison were, and whether the request was let through."""
    compared, passed = [], []

    async def app(scope, receive, send):
        passed.append(scope)

    async def send(message):
        pass

    def note(frame, event, argument):
        if event == "c_call" and argument is hmac.compare_digest:
            compared.append(len(frame.f_locals["offered"]))

    scope = {"method": "GET", "headers": headers, "client": None}
    scope[SCOPE_KEY] = Exchange(scope, "/metrics", "/metrics", 0.0)
    layer = ApiKeys(app, KEYS)
    sys.setprofile(note)
    try:
        await layer(scope, None, send)
    finally:
        sys.setprofile(None)
    return compared, bool(passed)


@pytest.mark.parametrize(
    ("offered", "is_valid"),
    [
        (b"first-key", True),
        (b"third-key", True),
        (b"", False),
        (b"f", False),
        (b"first-kez", False),
        (b"x" * 5000, False),
    ],
)
async def test_every_key_is_compared_in_full_whatever_is_offered(offered, is_valid):
    compared, passed = await compared_for([(b"x-api-key", offered)])
    # Digests of one length, each of them: neither a length nor a beginning, nor which key it is, changes the time.
    assert compared == [32, 32, 32]
    assert passed is is_valid
