from __future__ import annotations

import asyncio
import gc
import time

from jubako.server.request_watch import RequestWatch


async def test_requests_whose_clients_were_watched_leave_nothing_to_collect():
    watch = RequestWatch()
    waiting, all_wait = 0, asyncio.Event()

    async def receive():
        nonlocal waiting
        waiting += 1
        if waiting == 10:
            all_wait.set()
        await asyncio.Event().wait()

    async def answer():
        now_s = time.monotonic()
        watched = watch.add(now_s + 60, now_s)
        watched.watch_client(receive, now_s + 60)
        try:
            await all_wait.wait()
        finally:
            watch.remove(watched)

    gc.collect()
    gc.disable()
    try:
        await asyncio.gather(*(answer() for _ in range(10)))
        # The watchers have a turn to end in.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert gc.collect() < 10  # a cycle of each request would be ten times as many
    finally:
        gc.enable()
