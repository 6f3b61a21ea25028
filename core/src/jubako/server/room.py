"""How many connections fit into the process, whatever the settings allow."""

from __future__ import annotations

import sys

# For the application's own files and sockets, and for connections that are accepted to be told that there is no room.
_KEPT = 128
_LEAST_SHARE = 4


def room_for_connections(max_connections: int) -> int:
    """How many connections may be open: the setting, unless the process's limit on descriptors allows fewer.

    A process without any descriptor left cannot open a file, import a module or refuse a connection. So 128 are kept
    free, and of a low limit three quarters. The limit is read each time, for it can be changed from outside.
    """
    if sys.platform == "win32":
        return max_connections
    import resource  # there is none on Windows

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return max_connections
    return min(max_connections, max(limit // _LEAST_SHARE, limit - _KEPT))
