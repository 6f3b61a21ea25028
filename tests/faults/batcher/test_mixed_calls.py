"""Calls of any shapes, types and arguments at once: each is computed as it would be alone."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.backends.inline import open_backend
from jubako.plugins import compose
from jubako.settings import Settings
from tests.faults.batcher.experiments import mixed_call
from tests.faults.batcher.runners import FOLDER, Telling


@st.composite
def mixed_calls(draw):
    return mixed_call(lambda below: draw(st.integers(0, below - 1)))


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

    @given(st.lists(mixed_calls(), min_size=2, max_size=12))
    def never_joined(calls):
        examples.append(len(calls))
        asyncio.run(play(calls))

    never_joined()
    figures(examples=len(examples), calls=sum(examples))
