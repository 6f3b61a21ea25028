"""One replica as a process: `python replica_main.py FD MODULE:CLASS OPTIONS`, where FD is a listening socket.

Writes `ready` to stdout once it serves, or why it cannot; stops when stdin ends.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import socket
import sys

from jubako.backends.process.replica_side import ReplicaServer
from jubako.errors import JubakoError
from jubako.plugins import compose
from jubako.values.placement import Placement
from jubako.values.resources import BatchOptions


def say(text):
    sys.stdout.write(text.replace("\n", " ") + "\n")
    sys.stdout.flush()


async def serve(descriptor, target, options):
    module, _, name = target.partition(":")
    runner = getattr(importlib.import_module(module), name)()
    server = ReplicaServer(
        runner,
        options=BatchOptions(**options),
        placement=Placement(),
        composition=compose(candidates=()),
        grace_s=0.2,
    )
    stop = asyncio.Event()
    # Without a thread that waits for the end of stdin, which would keep this process from ending.
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)
    try:
        await server.serve(socket.socket(fileno=descriptor), stop, lambda: say("ready"))
    except JubakoError as error:
        say(str(error))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])))
