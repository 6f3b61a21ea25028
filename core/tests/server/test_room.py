"""How many connections fit."""

from __future__ import annotations

import sys

import pytest

from jubako.server.room import room_for_connections

resource = pytest.importorskip("resource", reason="there is none on Windows")


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
@pytest.mark.parametrize(("limit", "room"), [(64, 16), (256, 128), (1024, 896), (4096, 1024)])
def test_descriptors_are_kept_free_for_everything_else(limit, room):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        assert room_for_connections(1024) == room
        assert room_for_connections(2) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
