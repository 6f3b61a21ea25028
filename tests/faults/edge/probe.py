"""A client of its own process, so that an attacker's work in the same one is not counted as the server's.

`python -m tests.faults.edge.probe PORT` asks 50 times a second until its input ends, and writes what it got.
"""

from __future__ import annotations

import asyncio
import json
import sys

from tests.faults.load import open_loop


async def main(port: int) -> None:
    """Ask until the input ends, and write statuses and milliseconds."""
    loads, is_over = [], asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, is_over.set)
    while not is_over.is_set():
        loads.append(await open_loop(port, "/double", "[21, 0]", rate=50, seconds=0.5))
    answers = [answer for load in loads for answer in load.answers]
    json.dump([[answer.status, answer.took_s * 1000] for answer in answers], sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
