"""Calls of any shapes, types and arguments at once: each is computed as it would be alone."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jubako.backends.inline import open_backend
from jubako.plugins import compose
from jubako.settings import Settings
from tests.faults.batcher.experiments import mixed_call
from tests.faults.batcher.runners import FOLDER, Telling

CHOICES = 9
"""So many does `mixed_call` make at most."""


@st.composite
def mixed_calls(draw):
    """Calls each of which differs from the first in one choice, so that they could be taken for equal."""
    first = draw(st.lists(st.integers(0, 62), min_size=CHOICES, max_size=CHOICES))
    changes = draw(st.lists(st.tuples(st.integers(0, CHOICES - 1), st.integers(0, 62)), min_size=1, max_size=11))
    calls = [first, *([*first[:place], value, *first[place + 1 :]] for place, value in changes)]
    return [_call_of(choices) for choices in calls]


def _call_of(choices):
    given_choices = iter(choices)
    return mixed_call(lambda below: next(given_choices) % below)


@pytest.mark.quick
@pytest.mark.row("mixed-calls")
def test_what_does_not_fit_is_never_joined(monkeypatch, tmp_path, figures):
    monkeypatch.setenv(FOLDER, str(tmp_path))
    composition, settings = compose(candidates=()), Settings()
    examples = []

    async def play(calls):
        runner = Telling("telling")
        backend = open_backend(composition, settings)
        await backend.start([runner])
        try:
            alone = [await runner.async_run_batch(*args, **kwargs) for args, kwargs in calls]
            together = await asyncio.gather(*(runner.async_run_batch(*args, **kwargs) for args, kwargs in calls))
        finally:
            await backend.stop()
        assert together == alone

    # What is equal in Python and not the same to a model: 1 and 1.0, 1.0 and True, sets of these, 0.0 and -0.0.
    @example([_call_of([0, 1, 1, 0, 0, constant, 1, 0, 0]) for constant in (1, 2, 3, 5, 6, 7, 8)])
    @given(mixed_calls())
    def never_joined(calls):
        examples.append(len(calls))
        asyncio.run(play(calls))

    never_joined()
    figures(examples=len(examples), calls=sum(examples))
