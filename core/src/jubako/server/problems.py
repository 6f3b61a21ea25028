"""Errors as HTTP answers: problem details (RFC 9457) with a stable type.

What the client did wrong is told in full; of other errors below 500 what happened, but not why and what to do, which is
meant for those who run the service and may name its places. What went wrong inside is told by a fixed text and the
request's id; the rest is in the log under that id.
"""

from __future__ import annotations

import logging
import math
from http import HTTPStatus
from typing import Any

import attrs
import orjson

from jubako.contracts.http_server import ASGISend
from jubako.errors import BadInput, JubakoError, TooManyRequests, status_of, text_of

CONTENT_TYPE = b"application/problem+json"
TYPE_PREFIX = "urn:jubako:problem:"

# A message may quote what was sent; a client gets no megabytes of it back.
_LONGEST_DETAIL = 2000

_FIXED_SLUGS = {503: "service-unavailable", 504: "deadline-exceeded"}
_FIXED_DETAILS = {
    503: "The service cannot answer at the moment. Do: try again later.",
    504: "The answer was not ready within the time allowed.",
}
_INTERNAL_DETAIL = "The service failed while answering. Do: report the request id to who runs it."

Headers = tuple[tuple[bytes, bytes], ...]

_logger = logging.getLogger(__name__)


@attrs.frozen
class Problem:
    """One refusal or failure, as it is told to the client.

    Args:
        status: the HTTP status, 400 to 599.
        slug: the last part of the problem's type, such as `bad-input`.
        detail: what happened, in words; without internals.
        field: where in the body, or empty.
        expected: what would have been right, or empty.
        headers: further response headers, lower-case names.
    """

    status: int
    slug: str
    detail: str
    field: str = ""
    expected: str = ""
    headers: Headers = ()

    def encode(self, request_id: str) -> bytes:
        """The body of the answer, JSON."""
        document: dict[str, Any] = {
            "type": TYPE_PREFIX + self.slug,
            "title": self.slug.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": _encodable(self.detail)[:_LONGEST_DETAIL],
            "instance": f"urn:jubako:request:{request_id}",
            "request_id": request_id,
        }
        if self.field:
            document["field"] = _encodable(self.field)[:_LONGEST_DETAIL]
        if self.expected:
            document["expected"] = _encodable(self.expected)[:_LONGEST_DETAIL]
        return orjson.dumps(document)


def problem_of_status(status: int, detail: str = "", *, headers: Headers = ()) -> Problem:
    """A problem that has no error class of its own, such as 405; the slug is the status' phrase."""
    phrase = _phrase(status)
    return Problem(status, phrase.lower().replace(" ", "-").replace("'", ""), detail or f"{phrase}.", headers=headers)


def problem_of(error: BaseException) -> Problem:
    """What a client is told about an error that user code, a runner or Jubako raised.

    A `JubakoError` decides by its `error_code`; anything else, and a code outside 400 to 599, is a 500. So is an error
    of a class that cannot say what it is: whatever is raised, there is an answer.
    """
    status = status_of(error)
    headers: Headers = ()
    if status in (429, 503):
        headers = ((b"retry-after", b"%d" % _whole_seconds(getattr(error, "retry_after_s", 1.0))),)
    if status >= 500 or not isinstance(error, JubakoError):
        slug = _FIXED_SLUGS.get(status, "internal-server-error")
        return Problem(status, slug, _FIXED_DETAILS.get(status, _INTERNAL_DETAIL), headers=headers)
    try:
        is_bad_input = isinstance(error, BadInput)
        return Problem(
            status,
            str(error.problem_slug()),
            _told(error) or f"{_phrase(status)}.",
            field=_text_of(error, "field") if is_bad_input else "",
            expected=_text_of(error, "expected") if is_bad_input else "",
            headers=headers,
        )
    except Exception:
        # The class is the user's: its properties, its `problem_slug`.
        _logger.exception("an error of class %s cannot say what it is", type(error).__name__)
        return Problem(500, "internal-server-error", _INTERNAL_DETAIL)


async def send_problem(send: ASGISend, problem: Problem, request_id: str) -> None:
    """Send a problem as the whole response."""
    body = problem.encode(request_id)
    headers = [(b"content-type", CONTENT_TYPE), (b"content-length", b"%d" % len(body)), *problem.headers]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _told(error: JubakoError) -> str:
    if isinstance(error, BadInput | TooManyRequests):
        return text_of(error)
    return _text_of(error, "message") or text_of(error)


def _text_of(error: JubakoError, name: str) -> str:
    # A subclass may not have called our __init__, and may keep something else under the name.
    value = getattr(error, name, "")
    return "" if value is None else str(value)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # a user's own code, such as 499
        return f"Status {status}"


def _whole_seconds(seconds: object) -> int:
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return 1
    return max(1, math.ceil(seconds))


def _encodable(text: str) -> str:
    # JSON in UTF-8 has no lone surrogates, and a message may quote some.
    return text.encode("utf-8", "replace").decode("utf-8")
