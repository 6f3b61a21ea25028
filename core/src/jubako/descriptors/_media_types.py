"""Content types of requests: which of them a descriptor takes, and the errors for all others."""

from __future__ import annotations

from jubako.errors import UnsupportedMediaType

JSON_MEDIA_TYPE = "application/json"
TEXT_MEDIA_TYPE = "text/plain"
# US-ASCII is a part of UTF-8.
_UTF_8_NAMES = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


def check_json_media_type(content_type: str) -> None:
    """Accept `application/json`, `application/*+json`, and no content type at all; a charset must be UTF-8.

    Raises:
        UnsupportedMediaType: it is another one.
    """
    # Nearly every request: not one more look at it.
    if content_type in ("", JSON_MEDIA_TYPE):
        return
    media_type, charset = _split(content_type)
    if media_type != JSON_MEDIA_TYPE and not (media_type.startswith("application/") and media_type.endswith("+json")):
        raise _refused(content_type, JSON_MEDIA_TYPE)
    _check_charset(charset, JSON_MEDIA_TYPE)


def check_text_media_type(content_type: str) -> None:
    """Accept every `text/…` in UTF-8, and no content type at all.

    Raises:
        UnsupportedMediaType: it is another one.
    """
    if content_type in ("", TEXT_MEDIA_TYPE):
        return
    media_type, charset = _split(content_type)
    if not media_type.startswith("text/"):
        raise _refused(content_type, TEXT_MEDIA_TYPE)
    _check_charset(charset, TEXT_MEDIA_TYPE)


def _split(content_type: str) -> tuple[str, str]:
    """The media type and the charset, both in lower case; the charset is empty if there is none."""
    media_type, *parameters = content_type.split(";")
    charset = ""
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    return media_type.strip().lower(), charset


def _check_charset(charset: str, media_type: str) -> None:
    if charset and charset not in _UTF_8_NAMES:
        raise UnsupportedMediaType(
            f"charset {charset[:40]!r} is not taken.",
            expected="a body in UTF-8",
            do=f"send 'Content-Type: {media_type}'",
        )


def _refused(content_type: str, media_type: str) -> UnsupportedMediaType:
    return UnsupportedMediaType(
        f"content type {content_type[:80]!r} is not taken by this API.",
        expected=media_type,
        do=f"send the header 'Content-Type: {media_type}' (curl: -H 'Content-Type: {media_type}')",
    )
