"""What a process does about a supervisor that was there when it was started, and is no more."""

from __future__ import annotations

import os
import socket

import pytest

from jubako.serving.control import WarmUp
from jubako.serving.wire import encode
from jubako.settings import PluginSettings, Settings

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")

PATIENCE_S = 60


def test_a_process_whose_supervisor_is_gone_already_carries_out_none_of_its_orders(site):
    # Longer than any test may take; a process that begins this notices nothing before it has finished.
    site.install("endless", modules={"endless.py": "import time\ntime.sleep(3600)\n"})
    order = WarmUp(Settings(plugins=PluginSettings(allow=())), ("endless",))
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(encode(order))
        number = theirs.fileno()
        process = site.start_python("-m", "jubako.serving.zygote", str(number), inherited=(number,))
    try:
        _, errors = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert (process.returncode, errors) == (0, "")
