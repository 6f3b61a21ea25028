"""The listening socket of a serving process, and the address that people type for it."""

from __future__ import annotations

import errno
import os
import socket

from jubako.errors import CommandError

_REASONS = {
    errno.EADDRINUSE: "Another program listens there already.",
    errno.EACCES: "This user may not bind it; ports below 1024 are the administrator's.",
    errno.EADDRNOTAVAIL: "This machine has no such address.",
}


def open_listening_socket(host: str, port: int, backlog: int) -> socket.socket:
    """Bind and listen at once, so that a taken port is told before anything is loaded.

    A restarted server may take its port at once (SO_REUSEADDR). Connections wait in the backlog until they are
    accepted.

    Args:
        host: an address of this machine, IPv4 or IPv6, or a name of one.
        port: 0 takes any that is free.
        backlog: connections that the system holds.

    Raises:
        CommandError: the address cannot be bound; says which, and why.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise CommandError(
            f"the host {host!r} cannot be bound.",
            why="It is neither an address nor a known name.",
            do="give an address of this machine, such as 127.0.0.1",
        ) from error
    listening = socket.socket(family, kind, protocol)
    try:
        # On Windows the option means something else: that two servers may share a port.
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(backlog)
    except OSError as error:
        listening.close()
        raise CommandError(
            f"port {port} of {host} cannot be bound.",
            why=_REASONS.get(error.errno or 0, f"{os.strerror(error.errno or 0)}."),
            do="stop the other program, or choose with --host and --port; port 0 takes one that is free",
        ) from error
    listening.setblocking(False)
    return listening


def address_of(listening: socket.socket, *, is_secure: bool = False) -> str:
    """The URL of a listening socket, such as `http://127.0.0.1:3000`, or `https` if it `is_secure`."""
    scheme = "https" if is_secure else "http"
    host, port = listening.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
