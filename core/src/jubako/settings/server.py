"""The `server` section: how HTTP is spoken, and every limit of a request."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import attrs

from jubako.errors import InvalidArgument
from jubako.settings._fields import (
    flag_field,
    names_field,
    section,
    size_field,
    text_field,
    time_field,
    whole_field,
)
from jubako.values.checks import flag, whole_number
from jubako.values.resources import KIB, MIB

MOST_WORKERS = 256


def _port(instance: object, attribute: Any, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65535:
        raise InvalidArgument(f"port cannot be {value!r}.", do="give 1 to 65535, or 0 for any that is free")


def _workers(instance: object, attribute: Any, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_WORKERS:
        raise InvalidArgument(f"workers cannot be {value!r}.", do=f"give 1 to {MOST_WORKERS}")


def _log_format(instance: object, attribute: Any, value: object) -> None:
    if value not in ("auto", "text", "json"):
        raise InvalidArgument(f"format cannot be {value!r}.", do="give auto, text or json")


# As browsers write one (RFC 6454, section 6.1): lower case, nothing after the port, which is left out if it is usual.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?")
_USUAL_PORT = re.compile(r"https://.*:443|http://.*:80")
# A method or a header's name (RFC 9110, section 5.6.2).
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def _origins(instance: object, attribute: Any, value: tuple[str, ...]) -> None:
    for origin in value:
        if origin != "*" and (not _ORIGIN.fullmatch(origin) or _USUAL_PORT.fullmatch(origin)):
            raise InvalidArgument(
                f"{origin!r} is no origin.",
                why="It is compared with what browsers send, letter by letter.",
                do="write scheme and host in lower case, and the port if it is unusual: https://example.org",
            )


def _tokens(instance: object, attribute: Any, value: tuple[str, ...]) -> None:
    for token in value:
        if not _TOKEN.fullmatch(token):
            raise InvalidArgument(f"{attribute.name} cannot hold {token!r}.", do="give names, such as x-request-id")


_CERT_REQS = ("none", "optional", "required")


def _path(value: object) -> str:
    if not isinstance(value, str | Path):
        raise InvalidArgument(f"{value!r} is no path.", do="give the path of a file")
    # Absolute at once: serving processes change their working directory.
    return str(Path(value).expanduser().absolute()) if str(value) else ""


def _password(value: object) -> str:
    # A converter, for what reads files would quote a value that is not of the field's type.
    if not isinstance(value, str):
        raise InvalidArgument("keyfile_password is no text.", do="write it in quotes")
    return value


def _false_if_none(value: object) -> Any:
    return False if value is None else value


def _requirement(value: object) -> str:
    for number, name in enumerate(_CERT_REQS):
        # The numbers are those of Python's ssl module.
        if not isinstance(value, bool) and str(value) in (name, str(number)):
            return name
    raise InvalidArgument(
        f"cert_reqs cannot be {value!r}.", do=f"give {', '.join(_CERT_REQS[:-1])} or {_CERT_REQS[-1]}"
    )


@attrs.frozen(kw_only=True)
class CorsSettings:
    """Which pages of other origins may read answers (cross-origin resource sharing).

    Args:
        enabled: False sends no CORS header, so that browsers keep other origins out.
        access_control_allow_origin: origins, exactly as browsers send them, such as `https://example.org`; `*` is
            every one.
        access_control_allow_credentials: whether cookies and authorization may be sent along; not with origin `*`.
        access_control_allow_methods: methods beside GET, HEAD and POST.
        access_control_allow_headers: request headers beside those that browsers always send.
        access_control_max_age: seconds for which a browser may remember a preflight; None leaves that to the browser.
        access_control_expose_headers: response headers that pages may read.
    """

    enabled: bool = flag_field(False)
    access_control_allow_origin: tuple[str, ...] = names_field(validator=_origins)
    access_control_allow_credentials: bool = attrs.field(default=False, converter=_false_if_none, validator=flag)
    access_control_allow_methods: tuple[str, ...] = names_field(validator=_tokens)
    access_control_allow_headers: tuple[str, ...] = names_field(validator=_tokens)
    access_control_max_age: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole_number(0)))
    access_control_expose_headers: tuple[str, ...] = names_field(validator=_tokens)

    def __attrs_post_init__(self) -> None:
        if self.access_control_allow_credentials and "*" in self.access_control_allow_origin:
            raise InvalidArgument(
                "access_control_allow_credentials cannot be on for the origin '*'.",
                why="Every page of the web could act in the name of its visitor.",
                do="list the origins that may",
            )


@attrs.frozen(kw_only=True)
class SslSettings:
    """TLS; off while there is no certificate.

    Args:
        certfile: path of the server's certificate, with those between it and its authority, in PEM format.
        keyfile: path of its private key; empty means that it stands in `certfile`.
        keyfile_password: of the private key, if that is encrypted; never shown.
        ca_certs: path of the authorities that sign clients' certificates.
        cert_reqs: whether clients must show a certificate: `none`, `optional`, `required`, or 0, 1, 2.
        ciphers: in the format of OpenSSL, for TLS 1.2; empty leaves the choice to Python.
    """

    certfile: str = attrs.field(default="", converter=_path)
    keyfile: str = attrs.field(default="", converter=_path)
    keyfile_password: str = attrs.field(default="", repr=False, converter=_password)
    ca_certs: str = attrs.field(default="", converter=_path)
    cert_reqs: str = attrs.field(default="none", converter=_requirement)
    ciphers: str = attrs.field(default="", validator=attrs.validators.instance_of(str))

    @property
    def is_enabled(self) -> bool:
        """True if HTTP is spoken over TLS."""
        return bool(self.certfile)


@attrs.frozen(kw_only=True)
class MetricsSettings:
    """Whether `/metrics` answers.

    Args:
        enabled: False leaves the route out.
    """

    enabled: bool = flag_field(True)


@attrs.frozen(kw_only=True)
class AccessLogSettings:
    """Whether each request is logged, and what of its headers.

    Args:
        enabled: False writes no access lines.
        request_content_length: whether a line has the length of the request's body, as its header says.
        request_content_type: whether a line has the type of the request's body.
        response_content_length: whether a line has the length of the answer's body, as its header says.
        response_content_type: whether a line has the type of the answer's body.
    """

    enabled: bool = flag_field(True)
    request_content_length: bool = flag_field(True)
    request_content_type: bool = flag_field(True)
    response_content_length: bool = flag_field(True)
    response_content_type: bool = flag_field(True)


@attrs.frozen(kw_only=True)
class LoggingSettings:
    """What a serving process writes to stderr.

    Args:
        access: one line a request.
        format: `text`, `json`, or `auto`: text on a terminal, JSON otherwise.
    """

    access: AccessLogSettings = attrs.field(factory=AccessLogSettings, validator=section)
    format: str = attrs.field(default="auto", validator=_log_format)


@attrs.frozen(kw_only=True)
class ServerSettings:
    """Where and how a service is served, and the limits of one request.

    Args:
        host: the address that is bound.
        port: 0 takes any port that is free.
        backlog: connections that the system holds until they are accepted.
        workers: processes that answer HTTP, 1 to 256.
        http_server: the name of the HTTP server that is used.
        max_body_bytes: a larger body is refused with 413.
        max_header_bytes: a request line and headers that are longer are refused.
        max_body_chunks: pieces in which a body may arrive; more are refused with 400.
        max_held_bytes: of bodies and answers that one process holds; a request for which there is no room is refused
            with 503.
        max_connections: open connections; more are closed at once.
        header_timeout_s: seconds for a request's headers to arrive.
        body_timeout_s: seconds for a request's body to arrive.
        write_timeout_s: seconds in which a client must take the next 64 KiB of an answer, or what is left of it.
        keep_alive_s: seconds that an idle connection is kept.
        timeout_s: seconds for a whole request; then 504.
        drain_s: seconds that requests in flight have when the server stops.
        sync_threads: threads for API functions that are not async.
        sync_waiting: calls that may wait for one of these threads; one more is refused with 429.
        allowed_hosts: further values of the Host header that are answered; `*` is every one.
        ssl: certificate and key, for HTTPS.
        cors: which pages of other origins may read answers.
        api_keys: if there are any, every route but the health endpoints needs one of them; never shown.
        metrics: whether `/metrics` answers.
        logging: what is written to stderr.
    """

    host: str = text_field("127.0.0.1")
    port: int = attrs.field(default=3000, validator=_port)
    backlog: int = whole_field(2048)
    workers: int = attrs.field(default=1, validator=_workers)
    http_server: str = text_field("hypercorn")
    max_body_bytes: int = size_field(16 * MIB)
    max_header_bytes: int = size_field(16 * KIB)
    max_body_chunks: int = whole_field(65536)
    max_held_bytes: int = size_field(256 * MIB)
    max_connections: int = whole_field(1024)
    header_timeout_s: float = time_field(5.0)
    body_timeout_s: float = time_field(10.0)
    write_timeout_s: float = time_field(10.0)
    keep_alive_s: float = time_field(75.0)
    timeout_s: float = time_field(60.0)
    drain_s: float = time_field(30.0)
    sync_threads: int = whole_field(16)
    sync_waiting: int = whole_field(64, minimum=0)
    allowed_hosts: tuple[str, ...] = names_field()
    ssl: SslSettings = attrs.field(factory=SslSettings, validator=section)
    cors: CorsSettings = attrs.field(factory=CorsSettings, validator=section)
    api_keys: tuple[str, ...] = names_field(is_secret=True)
    metrics: MetricsSettings = attrs.field(factory=MetricsSettings, validator=section)
    logging: LoggingSettings = attrs.field(factory=LoggingSettings, validator=section)
