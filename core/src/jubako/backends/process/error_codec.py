"""Errors as they travel: the name of a class of `jubako.errors`, its texts and fields; never a pickle."""

from __future__ import annotations

from typing import Any

import jubako.errors
from jubako.errors import BadInput, InternalServerError, JubakoError, status_of, text_of

_TEXT_FIELDS = ("field", "expected")
_SECONDS = "retry_after_s"


class RemoteCause(Exception):
    """What a runner raised in its replica, by name and text: its class may not exist in this process."""


def encode_error(error: BaseException) -> list[Any]:
    """Lay an error out as JSON: class, message, why, do, fields, status, what caused it, and slug.

    A user's subclass travels as the nearest class of Jubako, with its own status and slug. What it keeps under our
    names may be anything; it travels as text.
    """
    if not isinstance(error, JubakoError):
        own = InternalServerError
        return [own.__name__, _words(error), "", "", {}, own.error_code, _cause(error), own.problem_slug()]
    cls = next(base for base in type(error).__mro__ if getattr(jubako.errors, base.__name__, None) is base)
    texts = [_text(error, name) for name in ("message", "why", "do")]
    # A subclass that has its own way to make its text would be shown without it.
    whole = "\n".join(part for part in (*texts[:2], f"Do: {texts[2]}" if texts[2] else "") if part)
    text = _sendable(text_of(error))
    if text != whole:
        texts = [text, "", ""]
    return [cls.__name__, *texts, _fields(error), status_of(error), _cause(error), _slug(error, cls)]


def decode_error(record: list[Any]) -> JubakoError:
    """Make the error that `encode_error` laid out; a class that is none of Jubako's becomes `InternalServerError`."""
    name, message, why, do, fields, error_code, cause, slug = record
    cls = getattr(jubako.errors, name, None)
    if not (isinstance(cls, type) and issubclass(cls, JubakoError)):
        cls = InternalServerError
    error: JubakoError = cls.__new__(cls)
    # Its own constructor may want more than every error has.
    JubakoError.__init__(error, message, why=why, do=do)
    for field in (*_TEXT_FIELDS, _SECONDS):
        if field in fields:
            setattr(error, field, fields[field])
    if error_code != cls.error_code:
        error.error_code = int(error_code)  # type: ignore[misc]  # this object's own status, as its class had it there
    if slug != cls.problem_slug():
        error.problem_slug = lambda: str(slug)  # type: ignore[method-assign]  # likewise, for the type of the problem
    if cause is not None:
        error.__cause__ = RemoteCause(str(cause))
    return error


def _fields(error: JubakoError) -> dict[str, str | float]:
    fields: dict[str, str | float] = {}
    if isinstance(error, BadInput):
        fields = {name: _text(error, name) for name in _TEXT_FIELDS}
    seconds = _value(error, _SECONDS)
    return {**fields, _SECONDS: float(seconds)} if isinstance(seconds, int | float) else fields


def _text(error: JubakoError, name: str) -> str:
    value = _value(error, name)
    try:
        return "" if value is None else _sendable(str(value))
    except Exception:  # noqa: BLE001  # the user's class; the error itself is recorded beside the runner
        return ""


def _value(error: JubakoError, name: str) -> object:
    try:
        value: object = getattr(error, name, None)
    except Exception:  # noqa: BLE001  # a property of the user's class
        return None
    return value


def _cause(error: BaseException) -> str | None:
    return None if error.__cause__ is None else _words(error.__cause__)


def _words(error: BaseException) -> str:
    return _sendable(f"{type(error).__name__}: {text_of(error)}")


def _slug(error: JubakoError, cls: type[JubakoError]) -> str:
    try:
        return _sendable(str(error.problem_slug()))
    except Exception:  # noqa: BLE001  # the user's class; the error itself is recorded beside the runner
        return cls.problem_slug()


def _sendable(text: str) -> str:
    # A message may quote lone surrogates, and frames are UTF-8.
    return text.encode("utf-8", "replace").decode("utf-8")
