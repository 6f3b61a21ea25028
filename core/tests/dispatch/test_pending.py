from __future__ import annotations

import asyncio

import pytest

from jubako.dispatch.messages import Answer
from jubako.dispatch.pending import Pending
from jubako.runners.execution import Share


class Untakeable:
    """A payload type whose rows cannot be taken out."""

    def __init__(self, error):
        self.error = error

    def row(self, batch, index, axis):
        raise self.error


def pending():
    future = asyncio.get_running_loop().create_future()
    return Pending(None, future), future


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(3)])
async def test_a_payload_type_that_raises_fails_its_call_alone(error):
    call, future = pending()
    call.settle(Answer(1, Share([1], Untakeable(error), 0, 1, 1, is_single=True)))
    with pytest.raises(type(error)):
        await future


async def test_an_error_that_no_future_takes_is_given_as_another():
    call, future = pending()
    call.settle(Answer(1, Share([1], Untakeable(StopIteration("stop")), 0, 1, 1, is_single=True)))
    with pytest.raises(RuntimeError, match="raised StopIteration") as caught:
        await future
    assert isinstance(caught.value.__cause__, StopIteration)


async def test_a_caller_that_has_left_is_given_nothing():
    call, future = pending()
    future.cancel()
    call.settle(Answer(1, Share(1)))
    call.fail(ValueError("late"))
    assert future.cancelled()
