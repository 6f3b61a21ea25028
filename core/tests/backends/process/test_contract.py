from __future__ import annotations

import asyncio
import contextlib

import pytest

from jubako.backends.process.backend import current_channels, open_backend
from jubako.errors import ConfigurationError, NotFound
from jubako.plugins import compose
from jubako.runners import Runner
from jubako.settings import Settings
from jubako.testing import BackendTests


class TestProcess(BackendTests):
    name = "process"

    @pytest.fixture(autouse=True)
    def _replicas_class(self, replicas_class):
        self.make_replicas = replicas_class

    @contextlib.asynccontextmanager
    async def opened(self, runners):
        """As the supervisor does: start replicas first, and tell the backend of those that do not start."""
        replicas = self.make_replicas()
        started = {
            runner.name: await asyncio.to_thread(replicas.start, f"{type(runner).__module__}:{type(runner).__name__}")
            for runner in runners
        }
        try:
            async with contextlib.AsyncExitStack() as stack:
                token = current_channels.set(replicas.channels())
                try:
                    backend = await stack.enter_async_context(super().opened(runners))
                finally:
                    # At once: a fixture's end runs in another context.
                    current_channels.reset(token)
                for name, (replica,) in started.items():
                    backend.set_runner_state(name, replica.said == "ready", replica.said)
                yield backend
                await backend.stop()
        finally:
            await replicas.close()


def test_without_a_supervisor_the_backend_says_what_to_do():
    with pytest.raises(ConfigurationError, match="the process backend runs under `jubako serve` only") as caught:
        open_backend(compose(candidates=()), Settings())
    assert "runners.backend" in caught.value.do


async def test_a_runner_without_replicas_is_named(replicas):
    class Forgotten(Runner):
        def _setup(self):
            pass

        def _run_batch(self, rows):
            return rows

    with pytest.raises(NotFound, match="'Forgotten' has no replicas"):
        await replicas.serve(Forgotten())
