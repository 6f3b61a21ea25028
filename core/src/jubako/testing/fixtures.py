"""Fixtures for pytest; write `pytest_plugins = ["jubako.testing.fixtures"]` into `conftest.py` to have them.

No entry point of pytest's: that would import Jubako into every run of pytest on the machine.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jubako.testing.servers import ServedClient, serving


@pytest.fixture
def jubako_serving() -> Iterator[Callable[..., ServedClient]]:
    """A function that serves a target until the test ends, and returns a client; arguments as of `serving`.

    What the servers wrote goes to stderr afterwards, where pytest shows it for a test that failed.
    """
    clients: list[ServedClient] = []
    with contextlib.ExitStack() as stack:

        def serve(target: Any, **options: Any) -> ServedClient:
            clients.append(stack.enter_context(serving(target, **options)))
            return clients[-1]

        yield serve
    for client in clients:
        sys.stderr.write(client.log)
