"""How the processes of a generation agree on what a tag means."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys

import pytest

from jubako.serving.children import Child, Reaper, link_pair
from jubako.serving.pinning import PinsDesk
from jubako.values.plan import PinnedTag, Plan, PlannedTarget
from jubako.values.tag import Tag

OLD, NEW = Tag("iris", "old"), Tag("iris", "new")
PLAN = Plan(number=1, service="flowers", target=PlannedTarget("service", "/s.py", "/", "/"), backend="inline")

# A process that asks what it reads, line by line: by itself, from several threads, or after a fork of its own.
ASKING = """
import json, os, socket, sys
from concurrent.futures import ThreadPoolExecutor
from jubako.contracts.store import StoreKind
from jubako.serving.links import ProcessLink
from jubako.values.plan import PinnedTag
from jubako.values.tag import Tag

link = ProcessLink(socket.socket(fileno=int(sys.argv[1])))

def ask(question):
    kind, tag, digest, is_latest = question
    agreed = link.agree(StoreKind(kind), PinnedTag(Tag.from_str(tag), digest, is_latest))
    return [str(agreed.tag), agreed.digest, agreed.is_latest]

for line in sys.stdin:
    how, questions = json.loads(line)
    if how == "fork":
        if os.fork() == 0:
            print(json.dumps([ask(question) for question in questions]), flush=True)
            os._exit(0)
        os.wait()
    else:
        print(json.dumps(list(ThreadPoolExecutor().map(ask, questions))), flush=True)
"""


class Asker:
    """One process, and the desk's end of its link."""

    def __init__(self, desk):
        ours, theirs = link_pair()
        self._child = Child("process", ours, Reaper())
        desk.attend(self._child)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", ASKING, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )

    async def agree(self, *questions, how="threads"):
        """Ask with kind, tag, digest and whether it is the latest; return tag, digest, and whether it is the latest."""
        self._process.stdin.write(json.dumps([how, questions]) + "\n")
        self._process.stdin.flush()
        return json.loads(await asyncio.wait_for(asyncio.to_thread(self._process.stdout.readline), 60))

    def close(self):
        self._process.kill()
        self._process.communicate()
        self._child.link.close()


@pytest.fixture
async def desk():
    return PinsDesk()


@pytest.fixture
async def askers(desk):
    with contextlib.ExitStack() as closing:
        yield [closing.enter_context(contextlib.closing(Asker(desk))) for _ in range(2)]


async def test_the_first_that_asks_decides_for_all(desk, askers):
    first, second = askers
    said = await first.agree(("models", "iris:old", "", True))
    heard = await second.agree(("models", "iris:new", "", True), ("bentos", "iris:new", "", True))
    assert said == [["iris:old", "", True]]
    assert heard == [["iris:old", "", True], ["iris:new", "", True]]
    completed = desk.complete(PLAN)
    assert completed.models == (PinnedTag(OLD, is_latest=True),)
    assert completed.bentos == (PinnedTag(NEW, is_latest=True),)


async def test_the_first_digest_of_a_version_holds(desk, askers):
    first, second = askers
    await first.agree(("models", "iris:old", "", True))
    assert await first.agree(("models", "iris:old", "sha256:1", False)) == [["iris:old", "sha256:1", True]]
    assert await second.agree(("models", "iris:old", "sha256:2", False)) == [["iris:old", "sha256:1", True]]
    assert desk.complete(PLAN).models == (PinnedTag(OLD, "sha256:1", is_latest=True),)


async def test_threads_that_ask_at_once_are_all_answered(askers):
    tags = [f"model-{number}:v" for number in range(40)]
    answers = await askers[0].agree(*(("models", tag, "", True) for tag in tags))
    assert [tag for tag, _, _ in answers] == tags


async def test_a_process_that_user_code_forks_decides_for_itself(desk, askers):
    assert await askers[0].agree(("models", "iris:new", "", True), how="fork") == [["iris:new", "", True]]
    assert desk.complete(PLAN).models == ()
