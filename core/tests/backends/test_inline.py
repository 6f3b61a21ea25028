from __future__ import annotations

import asyncio
import logging
import threading

import numpy as np
import pytest

from jubako.backends.inline import open_backend
from jubako.errors import DeadlineExceeded, OfferNotFound, RunnerFailed
from jubako.plugins import compose
from jubako.runners import Runner
from jubako.settings import load_settings
from jubako.testing import BackendTests
from jubako.workspace import current_workspace, open_workspace, using_workspace


class TestInline(BackendTests):
    name = "inline"


class Threads(Runner):
    """Answers with the thread that computes."""

    def __init__(self, name=None):
        super().__init__(name)
        self.closed = False

    def _setup(self):
        self.set_up_in = threading.get_ident()

    def _run_batch(self, rows):
        return [threading.get_ident()] * len(rows)

    def _shutdown(self):
        self.closed = True


@pytest.fixture
async def start():
    """Starts runners on an inline backend under overrides; everything is stopped after the test."""
    backends = []

    async def start(*runners, **overrides):
        settings = load_settings(overrides={key.replace("__", "."): value for key, value in overrides.items()})
        backend = open_backend(compose(candidates=()), settings)
        backends.append(backend)
        await backend.start(runners)
        return backend

    yield start
    for backend in backends:
        await backend.stop()


async def test_each_runner_has_one_thread_for_set_up_and_for_every_batch(start):
    first, second = Threads("first"), Threads("second")
    await start(first, second)
    idents = {await first.async_run(number) for number in range(5)}
    assert idents == {first.set_up_in}
    assert first.set_up_in not in {second.set_up_in, threading.get_ident()}


async def test_a_runner_is_set_up_in_the_workspace_of_the_one_who_starts_it(start, tmp_path):
    class Reader(Threads):
        def _setup(self):
            self.workspace = current_workspace()

    workspace = open_workspace(load_settings(overrides={"stores.home": str(tmp_path)}), compose(candidates=()))
    runner = Reader()
    with using_workspace(workspace):
        await start(runner)
    await runner.async_run(1)
    assert runner.workspace is workspace


async def test_stopping_closes_the_runner_and_ends_its_thread(start):
    runner = Threads()
    backend = await start(runner)
    assert "jubako-Threads" in [thread.name for thread in threading.enumerate()]
    await backend.stop()
    assert runner.closed
    for thread in threading.enumerate():
        if thread.name == "jubako-Threads":
            await asyncio.to_thread(thread.join, 10)
            assert not thread.is_alive()


async def test_after_the_server_stopped_a_runner_runs_in_place_again(start):
    runner = Threads()
    backend = await start(runner)
    await backend.stop()
    assert runner.run(1) == threading.get_ident()


async def test_two_servers_in_one_process_may_run_the_same_runner(start):
    runner = Threads()
    first = await start(runner)
    second = await start(runner)
    await first.stop()
    assert await runner.async_run(1) != threading.get_ident()
    await second.stop()


async def test_the_operators_settings_win_over_the_runners_own(start):
    sizes = []

    class Sizes(Runner):
        def _setup(self):
            pass

        def _run_batch(self, rows):
            sizes.append(len(rows))
            return rows

    runner = Sizes("sizes")
    runner.batch_options.max_batch_size = 50
    await start(runner, runners__batching__max_batch_size=20, runners__named__sizes__batching__max_batch_size=5)
    await asyncio.gather(*(runner.async_run(number) for number in range(40)))
    assert max(sizes) == 5


async def test_the_operators_timeout_is_the_deadline_of_a_call_without_one(start):
    may_end = threading.Event()

    class Slow(Threads):
        def _run_batch(self, rows):
            may_end.wait(60)
            return rows

    runner = Slow("slow")
    await start(runner, runners__named__slow__batching__timeout_s=0.05)
    try:
        for call in (runner.async_run(1), asyncio.to_thread(runner.run, 1)):
            with pytest.raises(DeadlineExceeded):
                await asyncio.wait_for(call, 60)
    finally:
        may_end.set()


async def test_an_unknown_policy_is_named_with_those_there_are(start):
    runner = Threads("unlucky")
    runner.batch_options.policy = "psychic"
    with pytest.raises(OfferNotFound, match="psychic"):
        await start(runner)
    assert "jubako-unlucky" not in [thread.name for thread in threading.enumerate()]


async def test_a_sync_call_on_the_loop_is_answered_and_its_line_is_named_once(start, caplog):
    runner = Threads()
    await start(runner)
    with caplog.at_level(logging.WARNING, "jubako.dispatch"):
        for _ in range(3):
            assert runner.run(1) == runner.set_up_in
    assert len(caplog.records) == 1
    assert "test_inline.py:" in caplog.text
    assert "async_run" in caplog.text


async def test_a_runner_that_looks_across_rows_gets_every_call_whole_and_alone(start):
    batches = []

    class Across(Runner):
        def _setup(self):
            pass

        def _run_batch(self, rows):
            batches.append(len(rows))
            return rows - rows.mean(axis=0)

    runner = Across()
    runner.batch_options.enabled = False
    runner.batch_options.max_batch_size = 4
    await start(runner)
    answers = await asyncio.gather(*(runner.async_run_batch(np.arange(10.0).reshape(10, 1)) for _ in range(3)))
    assert batches == [10, 10, 10]
    assert all(abs(answer.mean()) < 1e-12 for answer in answers)


async def test_a_runner_that_exits_the_process_fails_its_own_start_and_stop_only(start, caplog):
    class Exits(Threads):
        def _setup(self):
            raise SystemExit(0)

    class ExitsLater(Threads):
        def _shutdown(self):
            raise SystemExit(0)

    with pytest.raises(RunnerFailed, match=r"'Exits' could not be set up.\nSystemExit: 0"):
        await start(Exits())
    first, second = ExitsLater("first"), Threads("second")
    backend = await start(first, second)
    await backend.stop()
    assert second.closed
    assert "'first' did not shut down cleanly" in caplog.text


async def test_runners_of_one_api_compute_at_the_same_time(start):
    together = threading.Barrier(2, timeout=60)

    class Meeting(Threads):
        def _run_batch(self, rows):
            together.wait()  # which neither passes alone
            return rows

    first, second = Meeting("first"), Meeting("second")
    await start(first, second)
    assert await asyncio.gather(first.async_run(1), second.async_run(2)) == [1, 2]
