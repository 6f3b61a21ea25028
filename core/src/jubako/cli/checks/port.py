"""The port that `jubako serve` would bind."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

from jubako.contracts.command import CheckResult, CheckStatus
from jubako.plugins import Composition
from jubako.settings import Settings


def check(_: Composition, settings: Settings, /) -> Iterator[CheckResult]:
    """Bind it, and let it go; nothing listens meanwhile."""
    host, port = settings.server.host, settings.server.port
    place = f"{host}:{port}"
    if not port:
        yield CheckResult(CheckStatus.OK, "server.port is 0: any port that is free is taken.")
        return
    try:
        family, kind, _protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            # As the server does: what is only waiting to be forgotten is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            yield CheckResult(
                CheckStatus.WARN, f"{place} is in use.", "stop what uses it, or serve with another --port"
            )
        else:
            yield CheckResult(
                CheckStatus.FAIL,
                f"{place} cannot be bound: {error.strerror or error}.",
                "correct server.host and server.port; ports below 1024 may need rights",
            )
        return
    yield CheckResult(CheckStatus.OK, f"{place} is free.")
