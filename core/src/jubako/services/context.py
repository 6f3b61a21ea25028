"""`Context`: what an API's function sees of its request beside the input, and sets of its answer beside the output.

Knows no server: the request path fills it in. Only functions that ask for it, by a parameter annotated
`jubako.Context`, are given one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import attrs

from jubako.errors import InternalServerError
from jubako.services._cookies import cookie_text
from jubako.services.headers import check_header


class Values(Mapping[str, str]):
    """Names to texts; of a name that stands several times `[]` and `get` give the first, `getlist` all.

    Args:
        pairs: in the order in which they stand.
    """

    __slots__ = ("_lists",)

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._lists: dict[str, list[str]] = {}
        for name, value in pairs:
            self._lists.setdefault(self._key(name), []).append(value)

    def getlist(self, name: str) -> list[str]:
        """Every text of a name, in order; empty if there is none."""
        return list(self._lists.get(self._key(name), ()))

    def __getitem__(self, name: str) -> str:
        return self._lists[self._key(name)][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lists)

    def __len__(self) -> int:
        return len(self._lists)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({[(name, text) for name, texts in self._lists.items() for text in texts]!r})"

    @staticmethod
    def _key(name: str) -> str:
        return name


class Headers(Values):
    """The headers of a request; names in any case."""

    __slots__ = ()

    @staticmethod
    def _key(name: str) -> str:
        return name.lower() if isinstance(name, str) else name


@attrs.frozen
class Request:
    """A request, as an API's function sees it.

    Args:
        method: upper case.
        path: percent-encoding undone, without the path under which a proxy mounts this server.
        headers: as the client sent them.
        query: what follows the `?` of the URL.
        path_params: of the route's template, converted as the function's annotations say.
        id: in the answer's header `X-Request-Id`, in every line of the log, and at replicas.
        client: the peer's address, or empty.
    """

    method: str
    path: str
    headers: Headers
    query: Values
    path_params: Mapping[str, Any]
    id: str
    client: str

    @classmethod
    def read(
        cls,
        *,
        method: str,
        path: str,
        raw_headers: Sequence[tuple[bytes, bytes]],
        query_string: bytes,
        path_params: Mapping[str, Any],
        request_id: str,
        client: str,
    ) -> Request:
        """Make a request of what a server knows; bytes are read as RFC 9110 and the URL standard say."""
        headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in raw_headers)
        pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)
        return cls(method, path, headers, Values(pairs), path_params, request_id, client)


class ResponseHeaders(MutableMapping[str, str]):
    """Headers that an answer gets beside those of its output; names in any case.

    Setting one raises InternalServerError, which is answered 500, where HTTP forbids the name or the value (a line
    feed, say), where the server sets the header itself, and once the answer has begun.
    """

    __slots__ = ("_response", "_values")

    def __init__(self, response: Response) -> None:
        self._response = response
        self._values: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __setitem__(self, name: str, value: str) -> None:
        self._response.check_open(f"the response header {name!r}")
        self._values[check_header(name, value)] = value

    def __delitem__(self, name: str) -> None:
        self._response.check_open(f"the response header {name!r}")
        del self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"ResponseHeaders({self._values!r})"


class Response:
    """What is set here goes out with the answer, if the function returns; a problem is answered without it.

    Attributes:
        headers: beside those of the output.
    """

    __slots__ = ("_cookies", "_is_sent", "_status", "headers")

    def __init__(self) -> None:
        self._status = 200
        self._cookies: dict[tuple[str, str, str], str] = {}
        self._is_sent = False
        self.headers = ResponseHeaders(self)

    @property
    def status(self) -> int:
        """The HTTP status, 200 unless it is set; 200 to 599. Answers with 204, 205 or 304 have no body."""
        return self._status

    @status.setter
    def status(self, status: int) -> None:
        self.check_open("the status")
        if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
            raise InternalServerError(f"{status!r} is no status of an answer.", do="set one of 200 to 599")
        self._status = int(status)

    def set_cookie(
        self,
        name: str,
        value: str = "",
        *,
        max_age: int | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: str | None = "lax",
    ) -> None:
        """Have the client keep a cookie; one of the same name, path and domain is replaced.

        Args:
            name: letters, digits and ``!#$%&'*+-.^_`|~:``.
            value: ASCII; what may not stand in a cookie is quoted as `http.cookies` does it.
            max_age: seconds; None keeps it as long as the client runs.
            path: below which it is sent back.
            domain: to whose hosts it is sent back; None means this host alone.
            secure: True never sends it without TLS.
            httponly: True hides it from scripts.
            samesite: `strict`, `lax` or `none` (which needs `secure`); None leaves it to the client.

        Raises:
            InternalServerError: one of them cannot be said in a cookie, or the answer has begun.
        """
        self.check_open(f"the cookie {name!r}")
        self._cookies[name, domain or "", path] = cookie_text(
            name, value, max_age=max_age, path=path, domain=domain, secure=secure, httponly=httponly, samesite=samesite
        )

    def delete_cookie(
        self,
        name: str,
        *,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: str | None = "lax",
    ) -> None:
        """Have the client forget a cookie; path and domain are those with which it was set."""
        self.set_cookie(name, max_age=0, path=path, domain=domain, secure=secure, httponly=httponly, samesite=samesite)

    def send(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Return the status and the headers, cookies included; for the server. Nothing can be set afterwards."""
        self._is_sent = True
        headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in self.headers.items()]
        return self._status, headers + [(b"set-cookie", text.encode("ascii")) for text in self._cookies.values()]

    def check_open(self, what: str) -> None:
        """Raise InternalServerError if the answer has begun, and `what` comes too late."""
        if self._is_sent:
            raise InternalServerError(
                f"{what} cannot be set any more.",
                why="The answer has begun: the first item of a stream takes status and headers with it.",
                do="set it before the first yield",
            )


@attrs.frozen
class Context:
    """The request and the response of one call; a parameter that is annotated with this class gets it.

    Example::

        @svc.api(input=JSON(), output=JSON())
        def predict(rows, context: jubako.Context):
            context.response.headers["x-model"] = "iris:7"
            return {"caller": context.request.headers.get("user-agent"), "rows": len(rows)}

    Args:
        request: what the client sent beside the body.
        response: what is set here goes out with the answer.
    """

    request: Request
    response: Response = attrs.field(factory=Response)
