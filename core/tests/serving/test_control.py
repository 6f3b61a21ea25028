"""Records between the supervisor and its processes."""

from __future__ import annotations

import asyncio
import os
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.errors import ImportServiceError, InternalServerError
from jubako.serving.control import (
    Began,
    Failed,
    Fork,
    Pin,
    Pinned,
    Planned,
    Prepare,
    Ready,
    RunnerState,
    Silent,
    StartReplica,
    StartWorker,
    WarmUp,
)
from jubako.serving.links import SupervisorLink
from jubako.serving.wire import Decoder, encode
from jubako.settings import (
    OneRunnerSettings,
    PluginSettings,
    ResourceSettings,
    RunnersSettings,
    ServerSettings,
    Settings,
)
from jubako.values.placement import Placement
from jubako.values.plan import (
    ModelRecipe,
    PinnedTag,
    Plan,
    PlannedPlugin,
    PlannedTarget,
    RunnerPlan,
    ServiceRecipe,
)
from jubako.values.tag import Tag

SETTINGS = Settings(
    plugins=PluginSettings(allow=()),
    server=ServerSettings(api_keys=("opensesame",)),
    runners=RunnersSettings(named={"iris": OneRunnerSettings(resources=ResourceSettings(gpus=[0, 2], cpu="500m"))}),
)
IRIS = Tag("iris", "k3f9a")
PLAN = Plan(
    number=2,
    service="flowers",
    target=PlannedTarget("service", "/srv/service.py", "/srv", "/srv", "svc"),
    backend="process",
    plugins=(PlannedPlugin("sklearn_runner", "jubako-sklearn-runner"),),
    models=(PinnedTag(IRIS, "sha256:0", is_latest=True),),
    runners=(
        RunnerPlan(
            "iris",
            ModelRecipe("sklearn", IRIS, {"function_name": "predict", "more": [1, None, {"a": 0.5}]}),
            (Placement(threads=2, environment={"OMP_NUM_THREADS": "2"}), Placement()),
            preload=("sklearn",),
        ),
        RunnerPlan("own", ServiceRecipe("own"), (Placement(),), is_idempotent=False, can_fork=False),
    ),
)
RECORDS = [
    StartWorker(1, 2, "service:svc", "/srv", SETTINGS, (3, 4), PLAN),
    StartWorker(0, 1, "service:svc", "/srv", Settings(), (3,)),
    Planned(PLAN),
    Pin(3, "models", PinnedTag(IRIS, is_latest=True)),
    Pinned(3, PinnedTag(IRIS, "sha256:0")),
    Prepare({"iris": ("/run/0-0", "/run/0-1")}),
    Prepare({"iris": ("/run/0-0",)}, joins=True),
    RunnerState("iris", False, "it fails"),
    Silent("iris", 1, 12.5),
    Silent("iris", 1, None),
    StartReplica("iris", 1, SETTINGS, PLAN),
    WarmUp(SETTINGS, ("sklearn",), (PlannedPlugin("sklearn_runner", "jubako-sklearn-runner"),)),
    Began(7),
    Fork(),
    Ready(),
    Failed("a", "b", "c"),
]


@given(st.lists(st.sampled_from(RECORDS), max_size=4), st.integers(1, 5000))
def test_what_is_decoded_is_what_was_encoded_however_it_is_cut(records, piece):
    stream = b"".join(encode(record) for record in records)
    decoder = Decoder()
    decoded = [
        record for start in range(0, len(stream), piece) for record in decoder.feed(stream[start : start + piece])
    ]
    assert decoded == records


@pytest.mark.parametrize(
    "text",
    [
        b'{"record":"Eval","fields":{}}',
        b'{"record":["Ready"],"fields":{}}',
        b'{"record":{},"fields":{}}',
        b'{"record":"Ready"}',
        b'{"record":"Ready","fields":[]}',
        b'{"record":"Began","fields":{"pid":"1"}}',
        b'["Ready"]',
        b"7",
        b"cposix\nsystem\n(S'id'\ntR.",
        b"[" * 5000,
    ],
)
def test_what_is_no_record_is_refused(text):
    with pytest.raises(InternalServerError):
        list(Decoder().feed(struct.pack(">I", len(text)) + text))


@pytest.mark.parametrize("data", [struct.pack(">I", 2**31) + b"x"])
def test_a_length_that_no_record_has_is_refused(data):
    with pytest.raises(InternalServerError):
        list(Decoder().feed(data))


def test_an_error_keeps_its_parts_and_notes():
    error = ImportServiceError("it cannot be imported.", why="It is gone.", do="look for it")
    error.add_note("(while importing x)")
    assert Failed.of(error) == Failed("it cannot be imported. (while importing x)", "It is gone.", "look for it")
    assert Failed.of(KeyError("x")) == Failed("KeyError: 'x'")


async def heard(send):
    """What the supervisor's end of a link makes of what the other end does: records, and None for the end."""
    ours, theirs = socket.socketpair()
    heard = []
    ended = asyncio.Event()
    link = SupervisorLink(ours, heard.append, lambda: (heard.append(None), ended.set()))
    await asyncio.get_running_loop().run_in_executor(None, send, theirs)
    async with asyncio.timeout(60):
        await ended.wait()
    link.send(Ready())  # nobody hears it, and nothing happens
    return heard


def test_a_link_delivers_in_order_and_tells_of_the_end_once():
    def send(theirs):
        with theirs:
            for record in RECORDS:
                theirs.sendall(encode(record))

    assert asyncio.run(heard(send)) == [*RECORDS, None]


def test_a_link_that_talks_nonsense_has_ended():
    def send(theirs):
        theirs.sendall(b"\xff" * 100)
        theirs.close()

    assert asyncio.run(heard(send)) == [None]


def test_descriptors_wait_with_their_record_until_the_other_end_reads():
    async def run():
        ours, theirs = socket.socketpair()
        link = SupervisorLink(ours, lambda _: None, lambda: None)
        reading, writing = os.pipe()
        passed = socket.socket(fileno=os.dup(ours.fileno()))
        big = RunnerState("x", True, "y" * 1_000_000)
        link.send(big)
        link.send(Fork(), (passed,))
        passed.close()
        os.close(reading)
        os.close(writing)

        def receive():
            decoder, records, descriptors = Decoder(), [], []
            while len(records) < 2:
                data, more, _, _ = socket.recv_fds(theirs, 65536, 4)
                descriptors += more
                records += decoder.feed(data)
            return records, descriptors

        async with asyncio.timeout(60):
            records, descriptors = await asyncio.get_running_loop().run_in_executor(None, receive)
        assert records == [big, Fork()]
        assert len(descriptors) == 1
        for each in descriptors:
            os.close(each)
        link.close()
        theirs.close()

    asyncio.run(run())
