"""One `Set-Cookie` header as text, quoted as the standard library does it, with attributes that it does not check."""

from __future__ import annotations

import re
from http.cookies import CookieError, SimpleCookie

from jubako.errors import InternalServerError

_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]*")
_ASCII = re.compile(r"[\x20-\x7e]*")
_SAME_SITE = {"strict": "Strict", "lax": "Lax", "none": "None"}


def cookie_text(
    name: str,
    value: str,
    *,
    max_age: int | None,
    path: str,
    domain: str | None,
    secure: bool,
    httponly: bool,
    samesite: str | None,
) -> str:
    """Lay a cookie out; see `Response.set_cookie`.

    Raises:
        InternalServerError: one of the arguments cannot be said in a cookie.
    """
    if not isinstance(value, str) or not _ASCII.fullmatch(value):
        raise _refused(name, "Its value is no text of printable ASCII.", "encode it, say with urllib.parse.quote")
    jar: SimpleCookie = SimpleCookie()
    try:
        jar[name] = value
    except (CookieError, TypeError, AttributeError) as error:
        raise _refused(name, f"{error}.", "give a name of letters, digits, - and _") from error
    morsel = jar[name]
    for attribute, text in (("path", path), ("domain", domain or "")):
        if not isinstance(text, str) or not _ATTRIBUTE.fullmatch(text):
            raise _refused(name, f"Its {attribute} is {text!r}.", "give ASCII without ';' and line feeds")
        morsel[attribute] = text
    if max_age is not None:
        if isinstance(max_age, bool) or not isinstance(max_age, int):
            raise _refused(name, f"Its max_age is {max_age!r}.", "give whole seconds")
        morsel["max-age"] = str(max_age)
    if samesite is not None:
        if not isinstance(samesite, str) or samesite.lower() not in _SAME_SITE:
            raise _refused(name, f"Its samesite is {samesite!r}.", "give 'strict', 'lax', 'none' or None")
        if samesite.lower() == "none" and not secure:
            raise _refused(name, "Browsers refuse samesite='none' without secure=True.", "set secure=True")
        morsel["samesite"] = _SAME_SITE[samesite.lower()]
    morsel["secure"] = bool(secure)
    morsel["httponly"] = bool(httponly)
    return morsel.OutputString()


def _refused(name: object, why: str, do: str) -> InternalServerError:
    return InternalServerError(f"the cookie {name!r} cannot be set.", why=why, do=do)
