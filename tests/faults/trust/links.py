"""Reaching into the control links of a server that runs, as only its own user can: for writing what nobody would."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import socket
import struct
from pathlib import Path

import pytest

# Of linux/netlink.h, linux/sock_diag.h, linux/unix_diag.h and the table of system calls.
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST_AND_DUMP = 0x301
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_UDIAG_SHOW_PEER = 4
_UNIX_DIAG_PEER = 2
_PIDFD_GETFD = 438


def end_of_link(holder: int, other: int) -> socket.socket | None:
    """The end that process `holder` has of its socket pair with `other`, as a socket of this process too.

    What is sent on it is heard by `other`, as if `holder` had said it. None if there is no such pair; skips the test
    where the system forbids all this.
    """
    ours, theirs, peers = _sockets_of(holder), _sockets_of(other), _unix_peers()
    links = [descriptor for inode, descriptor in ours.items() if peers.get(inode) in theirs.keys() - ours.keys()]
    if not links:
        return None
    try:
        pidfd = os.pidfd_open(holder)
    except ProcessLookupError:
        return None
    try:
        taken = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_GETFD, pidfd, links[0], 0)
    finally:
        os.close(pidfd)
    if taken < 0 and ctypes.get_errno() in (errno.EBADF, errno.ESRCH):  # closed, or ended, meanwhile
        return None
    if taken < 0:
        pytest.skip(f"descriptors of other processes cannot be had: {os.strerror(ctypes.get_errno())}")
    return socket.socket(fileno=taken)


def _sockets_of(pid: int) -> dict[int, int]:
    """Inode to descriptor of each socket of a process."""
    found = {}
    with contextlib.suppress(OSError):  # it has ended
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # it has closed it
                if match := re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink())):
                    found[int(match[1])] = int(link.name)
    return found


def _unix_peers() -> dict[int, int]:
    """Inode to the inode at the other end, of every connected Unix socket; see sock_diag(7)."""
    peers: dict[int, int] = {}
    query = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, 0xFFFFFFFF, 0, _UDIAG_SHOW_PEER, 0, 0)
    header = struct.pack("=IHHII", 16 + len(query), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_AND_DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as asking:
        asking.settimeout(10)
        asking.send(header + query)
        while True:
            data = asking.recv(1 << 20)
            while data:
                length, kind, *_ = struct.unpack_from("=IHHII", data)
                if kind == _NLMSG_ERROR:
                    pytest.skip("the system does not tell which sockets are connected")
                if kind == _NLMSG_DONE:
                    return peers
                (inode,) = struct.unpack_from("=I", data, 20)
                place = 32
                while place < length:
                    size, name = struct.unpack_from("=HH", data, place)
                    if name == _UNIX_DIAG_PEER:
                        (peers[inode],) = struct.unpack_from("=I", data, place + 4)
                    place += (size + 3) & ~3
                data = data[(length + 3) & ~3 :]
