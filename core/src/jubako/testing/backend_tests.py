"""`BackendTests`: the contract of backends, for plugins' own tests."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import numpy as np
import pytest

from jubako.contracts.backend import Backend, BatchRecord, DispatchObserver
from jubako.contracts.offers import BackendType
from jubako.errors import BadInput, DeadlineExceeded, NotFound, RunnerFailed
from jubako.plugins import compose
from jubako.runners import Runner, SimpleRunner, call_deadline
from jubako.settings import Settings
from jubako.testing._device_runners import Mismeasured, Overlapping, Padded
from jubako.testing._required import required_name

StartBackend = Callable[..., Awaitable[Backend]]


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


class Echo(SimpleRunner):
    """Answers with what it is given."""

    def _setup(self) -> None:
        pass

    def _run(self, value: Any) -> Any:
        return value


class Broken(Runner):
    """Cannot be set up."""

    def _setup(self) -> None:
        raise OSError("the weights are gone")

    def _run_batch(self, rows: Any) -> Any:
        return rows


class _Unsendable:
    """What no process can give to another."""

    def __reduce__(self) -> Any:
        raise TypeError("not to be sent")


_VALUES: tuple[Any, ...] = (
    7,
    -(2**70),
    1.5,
    float("inf"),
    True,
    None,
    "text",
    b"bytes",
    [1, "two", None],
    (1, (2.0, "three")),
    {"a": [1, {"b": 2}]},
    np.arange(6, dtype=np.int16).reshape(2, 3),
    np.float32(0.1),
    {"array": np.zeros((0, 4)), "tuple": (b"", "")},
    complex(1, 2),
)


class BackendTests:
    """Subclass it as `TestX` and name the backend.

    The tests run runners that are made without arguments: another process can import them by module and name. A
    backend whose replicas something else must start first, as the supervisor does for the process backend, overrides
    `opened`.

    Attributes:
        name: the offer's name.
    """

    name: str = required_name("backend")

    @contextlib.asynccontextmanager
    async def opened(self, runners: Sequence[Any]) -> AsyncIterator[Backend]:
        """The backend, open and not started, from everything that is installed; what is beside it ends with the block.

        Args:
            runners: those that it will be started with.
        """
        composition = compose()
        offer = composition.find(BackendType, self.name)
        yield composition.resolve(offer, "backend")(composition, Settings())

    @pytest.fixture
    async def start(self) -> AsyncIterator[StartBackend]:
        """Starts the backend with runners; it is stopped after the test."""
        async with contextlib.AsyncExitStack() as stack:

            async def start(*runners: Any, observers: Sequence[DispatchObserver] = ()) -> Backend:
                backend = await stack.enter_async_context(self.opened(runners))
                stack.push_async_callback(backend.stop)
                await backend.start(runners, observers)
                return backend

            yield start

    async def test_calls_of_every_kind_are_answered(self, start: StartBackend) -> None:
        sums, greeter = RowSums(), Greeter()
        backend = await start(sums, greeter)
        rows = np.arange(12.0).reshape(4, 3)
        assert await sums.async_run(rows[1]) == 12.0
        np.testing.assert_array_equal(await sums.async_run_batch(rows), rows.sum(axis=1))
        np.testing.assert_array_equal(await asyncio.to_thread(sums.run_batch, rows), rows.sum(axis=1))
        assert await asyncio.to_thread(sums.run, rows[2]) == 21.0
        assert await greeter.async_run("you", mark="?") == "hello you?"
        assert all(status.is_ready for status in backend.statuses())

    async def test_every_one_of_a_cold_burst_gets_its_own_answer(self, start: StartBackend) -> None:
        sums = RowSums()
        await start(sums)
        rows = np.arange(3000.0).reshape(1000, 3)
        answers = await asyncio.gather(*(sums.async_run(row) for row in rows))
        np.testing.assert_array_equal(answers, rows.sum(axis=1))

    async def test_a_bad_row_costs_only_its_own_answer(self, start: StartBackend) -> None:
        sums = RowSums()
        await start(sums)
        rows = np.ones((64, 3))
        rows[17, 1] = -1
        rows[40, 2] = np.nan
        answers = await asyncio.gather(*(sums.async_run(row) for row in rows), return_exceptions=True)
        assert isinstance(answers[17], BadInput)
        assert isinstance(answers[40], RunnerFailed)
        assert "ZeroDivisionError" in str(answers[40])
        good = [answer for index, answer in enumerate(answers) if index not in {17, 40}]
        assert good == [3.0] * 62

    async def test_a_call_on_the_loops_own_thread_is_answered(self, start: StartBackend) -> None:
        sums = RowSums()
        await start(sums)
        assert sums.run(np.ones(3)) == 3.0

    async def test_observers_hear_of_every_row(self, start: StartBackend) -> None:
        heard: list[BatchRecord] = []

        class Listener:
            def batch_returned(self, record: BatchRecord) -> None:
                heard.append(record)

        sums = RowSums()
        await start(sums, observers=[Listener()])
        await asyncio.gather(*(sums.async_run(np.ones(3)) for _ in range(20)))
        assert sum(record.rows for record in heard) == 20
        assert {(record.runner, record.method) for record in heard} == {("RowSums", "run")}

    async def test_a_runner_that_cannot_start_says_why_and_stops_the_others(self) -> None:
        runners = [RowSums(), Broken()]
        async with self.opened(runners) as backend:
            with pytest.raises(RunnerFailed, match="the weights are gone"):
                await backend.start(runners)
            assert backend.statuses() == ()

    async def test_an_unknown_runner_has_no_handle(self, start: StartBackend) -> None:
        backend = await start()
        with pytest.raises(NotFound, match="'nobody'"):
            backend.handle("nobody")

    async def test_stopping_answers_what_is_queued_and_may_be_done_twice(self, start: StartBackend) -> None:
        sums = RowSums()
        backend = await start(sums)
        calls = [asyncio.ensure_future(sums.async_run(np.ones(3))) for _ in range(300)]
        await asyncio.sleep(0)
        await backend.stop()
        assert [await call for call in calls] == [3.0] * 300
        await backend.stop()

    async def test_values_of_every_kind_arrive_as_they_were_sent(self, start: StartBackend) -> None:
        echo = Echo()
        await start(echo)
        for value in _VALUES:
            answer = await echo.async_run(value)
            assert type(answer) is type(value)
            assert repr(answer) == repr(value)

    async def test_a_value_that_cannot_be_sent_costs_only_its_own_answer(self, start: StartBackend) -> None:
        echo = Echo()
        await start(echo)
        answers = await asyncio.gather(
            *(echo.async_run(value) for value in (1, _Unsendable(), 2)), return_exceptions=True
        )
        assert (answers[0], answers[2]) == (1, 2)
        # Where nothing has to be sent, it is answered; else it is told why not.
        assert isinstance(answers[1], _Unsendable | RunnerFailed)

    async def test_batches_that_overlap_are_all_answered(self, start: StartBackend) -> None:
        overlapping = Overlapping()
        backend = await start(overlapping)
        rows = np.arange(400.0).reshape(200, 2)
        rows[17, 1] = np.nan
        answers = await asyncio.gather(*(overlapping.async_run(row) for row in rows), return_exceptions=True)
        error = answers.pop(17)
        assert isinstance(error, RunnerFailed)
        assert "ZeroDivisionError" in str(error)
        np.testing.assert_array_equal(answers, -np.delete(rows, 17, axis=0))
        # One call of more rows than fit, and one that goes past the queue.
        large = np.ones((23, 2))
        np.testing.assert_array_equal(await overlapping.async_run_batch(large), -large)
        np.testing.assert_array_equal(overlapping.run(large[0]), -large[0])
        last = [asyncio.ensure_future(overlapping.async_run(row)) for row in large]
        await asyncio.sleep(0)
        await backend.stop()
        np.testing.assert_array_equal([await call for call in last], -large)

    async def test_a_runner_that_joins_calls_by_itself_gives_each_its_own_answer(self, start: StartBackend) -> None:
        padded = Padded()
        await start(padded)
        arrays = [np.full((1 + number % 3, 1 + number % 5), float(number)) for number in range(60)]
        answers = await asyncio.gather(*(padded.async_run_batch(array) for array in arrays))
        for array, answer in zip(arrays, answers, strict=True):
            np.testing.assert_array_equal(answer, -array)
        np.testing.assert_array_equal(await padded.async_run(np.ones(7)), -np.ones(7))

    async def test_a_wrong_profile_keeps_a_runner_from_starting(self) -> None:
        runners = [Mismeasured()]
        async with self.opened(runners) as backend:
            with pytest.raises(RunnerFailed, match=r"batch_profile\('run'\) returned a dict"):
                await backend.start(runners)

    async def test_a_call_past_its_deadline_is_told_so(self, start: StartBackend) -> None:
        sums = RowSums()
        await start(sums)
        token = call_deadline.set(time.monotonic() - 1)
        try:
            with pytest.raises(DeadlineExceeded):
                await sums.async_run(np.ones(3))
        finally:
            call_deadline.reset(token)
        assert await sums.async_run(np.ones(3)) == 3.0

    async def test_a_caller_that_leaves_costs_the_others_nothing(self, start: StartBackend) -> None:
        sums = RowSums()
        await start(sums)
        calls = [asyncio.ensure_future(sums.async_run(np.ones(3))) for _ in range(50)]
        await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        assert await asyncio.gather(*calls[1::2]) == [3.0] * 25
        assert await sums.async_run(np.ones(3)) == 3.0
