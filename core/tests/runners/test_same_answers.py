"""The same calls give the same answers in a script, under every backend, and from wherever a service makes them."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.harness.served import Served

SERVICE = Path(__file__).parent / "same_answers" / "kinds.py"
APIS = ("from_a_sync_api", "from_an_async_api", "on_the_loops_own_thread", "from_a_thread_of_the_users")
PLACES = (*APIS, "in_wsgi", "in_asgi")
SERVERS = {"inline": ["--backend", "inline"], "process": ["--backend", "process"], "reload": ["--reload"]}


def load_kinds():
    spec = importlib.util.spec_from_file_location("same_answers_kinds", SERVICE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


KINDS = load_kinds()
NAMES = list(KINDS.CALLS)


@pytest.fixture(scope="module")
def in_a_script():
    """What a script without a server gets."""
    return {name: KINDS.call(name) for name in NAMES}


@pytest.fixture(scope="module", params=SERVERS)
def served_answers(request, tmp_path_factory):
    """What a server's APIs and mounted applications get: name of the place to name of the call to answer."""
    if request.param != "inline" and not hasattr(os, "fork"):
        pytest.skip("the system has no fork")
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copy(SERVICE, folder / "service.py")
    served = Served(folder, "service.py:svc", *SERVERS[request.param])
    try:
        served.wait_until_ready()
        answers = {}
        for place in PLACES:
            status, body = served.post(f"/{place}", json.dumps(NAMES), "application/json")
            assert status == 200, (body, served.text)
            answers[place] = json.loads(body)
        assert served.stop() == 0
    finally:
        served.close()
    return answers


@pytest.mark.parametrize("place", PLACES)
def test_a_service_gets_what_a_script_gets(in_a_script, served_answers, place):
    assert served_answers[place] == in_a_script


async def test_a_notebook_gets_what_a_script_gets(in_a_script):
    # There a loop runs in the main thread already.
    assert {name: KINDS.call(name) for name in NAMES} == in_a_script
    answers = await asyncio.gather(*map(KINDS.async_call, NAMES))
    assert dict(zip(NAMES, answers, strict=True)) == in_a_script
