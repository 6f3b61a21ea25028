"""`BackendTests`: the contract of backends, for plugins' own tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from jubako.contracts.backend import Backend, BatchRecord
from jubako.contracts.offers import BackendType
from jubako.errors import BadInput, NotFound, RunnerFailed
from jubako.plugins import compose
from jubako.runners import Runner, SimpleRunner
from jubako.settings import Settings
from jubako.testing._required import required_name


class RowSums(Runner):
    """Adds up each row; rows with a negative number are refused, rows with NaN are a bug."""

    def _setup(self) -> None:
        self.weights = np.ones(3)

    def _run_batch(self, rows: Any) -> Any:
        if np.isnan(rows).any():
            raise ZeroDivisionError("not a number")
        if (rows < 0).any():
            raise BadInput("a row has a negative number")
        return rows @ self.weights


class Greeter(SimpleRunner):
    """Greets."""

    def _setup(self) -> None:
        self.greeting = "hello"

    def _run(self, name: str, *, mark: str = "!") -> str:
        return f"{self.greeting} {name}{mark}"


class Broken(Runner):
    """Cannot be set up."""

    def _setup(self) -> None:
        raise OSError("the weights are gone")

    def _run_batch(self, rows: Any) -> Any:
        return rows


class BackendTests:
    """Subclass it as `TestX` and name the backend.

    Attributes:
        name: the offer's name.
    """

    name: str = required_name("backend")

    def make_backend(self) -> Backend:
        """A backend that is not started, from everything that is installed."""
        composition = compose()
        backend: Backend = composition.resolve(composition.find(BackendType, self.name), "backend")(
            composition, Settings()
        )
        return backend

    @pytest.fixture
    async def backend(self) -> AsyncIterator[Backend]:
        """The backend; stopped after the test."""
        backend = self.make_backend()
        yield backend
        await backend.stop()

    async def test_calls_of_every_kind_are_answered(self, backend: Backend) -> None:
        sums, greeter = RowSums(), Greeter()
        await backend.start([sums, greeter])
        rows = np.arange(12.0).reshape(4, 3)
        assert await sums.async_run(rows[1]) == 12.0
        np.testing.assert_array_equal(await sums.async_run_batch(rows), rows.sum(axis=1))
        np.testing.assert_array_equal(await asyncio.to_thread(sums.run_batch, rows), rows.sum(axis=1))
        assert await asyncio.to_thread(sums.run, rows[2]) == 21.0
        assert await greeter.async_run("you", mark="?") == "hello you?"
        assert all(status.is_ready for status in backend.statuses())

    async def test_every_one_of_a_cold_burst_gets_its_own_answer(self, backend: Backend) -> None:
        sums = RowSums()
        await backend.start([sums])
        rows = np.arange(3000.0).reshape(1000, 3)
        answers = await asyncio.gather(*(sums.async_run(row) for row in rows))
        np.testing.assert_array_equal(answers, rows.sum(axis=1))

    async def test_a_bad_row_costs_only_its_own_answer(self, backend: Backend) -> None:
        sums = RowSums()
        await backend.start([sums])
        rows = np.ones((64, 3))
        rows[17, 1] = -1
        rows[40, 2] = np.nan
        answers = await asyncio.gather(*(sums.async_run(row) for row in rows), return_exceptions=True)
        assert isinstance(answers[17], BadInput)
        assert isinstance(answers[40], RunnerFailed)
        assert "ZeroDivisionError" in str(answers[40])
        good = [answer for index, answer in enumerate(answers) if index not in {17, 40}]
        assert good == [3.0] * 62

    async def test_a_call_on_the_loops_own_thread_is_answered(self, backend: Backend) -> None:
        sums = RowSums()
        await backend.start([sums])
        assert sums.run(np.ones(3)) == 3.0

    async def test_observers_hear_of_every_row(self, backend: Backend) -> None:
        heard: list[BatchRecord] = []

        class Listener:
            def batch_returned(self, record: BatchRecord) -> None:
                heard.append(record)

        sums = RowSums()
        await backend.start([sums], [Listener()])
        await asyncio.gather(*(sums.async_run(np.ones(3)) for _ in range(20)))
        assert sum(record.rows for record in heard) == 20
        assert {(record.runner, record.method) for record in heard} == {("RowSums", "run")}

    async def test_a_runner_that_cannot_start_says_why_and_stops_the_others(self, backend: Backend) -> None:
        sums = RowSums()
        with pytest.raises(RunnerFailed, match="the weights are gone"):
            await backend.start([sums, Broken()])
        assert backend.statuses() == ()

    async def test_an_unknown_runner_has_no_handle(self, backend: Backend) -> None:
        await backend.start([])
        with pytest.raises(NotFound, match="'nobody'"):
            backend.handle("nobody")

    async def test_stopping_answers_what_is_queued_and_may_be_done_twice(self, backend: Backend) -> None:
        sums = RowSums()
        await backend.start([sums])
        calls = [asyncio.ensure_future(sums.async_run(np.ones(3))) for _ in range(300)]
        await asyncio.sleep(0)
        await backend.stop()
        assert [await call for call in calls] == [3.0] * 300
        await backend.stop()
