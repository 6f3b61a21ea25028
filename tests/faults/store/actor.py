"""Does something to a store in a child that waits for its order, so that a tracer can take hold of it before.

The tests run it as a program, and write two lines for each child: `<action> <home>`, answered with the child's process
number, and then anything, answered with how the child ended, in JSON: `{"signal": 9}`, `{"tag": "iris:…"}`, or
`{"error": "StoreError", "is_ours": true, "text": "…"}`. A child that waits has done everything else once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import jubako.bentos
import jubako.models
from jubako.errors import JubakoError
from jubako.models import save_object
from jubako.settings import Settings, StoreSettings
from jubako.workspace import open_workspace, using_workspace
from tests.faults.store.homes import composition


class OfTheBlock(Exception):
    """What the system said to the user's own code, in the block of `create`."""


def save() -> str:
    with jubako.models.create("iris", custom_objects={"answer": "new"}) as draft:
        try:
            draft.path_of("weights.bin").write_bytes(b"new" * 10_000)
            draft.path_of("deep").mkdir()
            draft.path_of("deep/notes.txt").write_text("new")
        except OSError as error:
            raise OfTheBlock from error
    return str(draft.tag)


def save_as_format() -> str:
    """As runner types save; an array is data, and has a pickle as its second choice."""
    tag = save_object("iris", ARRAY, module="toy", serializers=("npy", "cloudpickle"), custom_objects={"answer": "new"})
    return str(tag)


def delete() -> str:
    tag = jubako.models.get("iris").tag
    jubako.models.delete(tag)
    return str(tag)


def build() -> str:
    context = Path(os.environ["JUBAKO_TEST_CONTEXT"])
    return str(jubako.bentos.build("service.py:svc", build_ctx=context, additional_models=["iris"]).tag)


def run(action: Callable[[], str]) -> dict[str, object]:
    try:
        return {"tag": action()}
    except (JubakoError, OfTheBlock) as error:
        return {"error": type(error).__name__, "is_ours": True, "text": str(error)}
    except BaseException as error:
        return {"error": type(error).__name__, "is_ours": False, "text": traceback.format_exc()}


def start(action: Callable[[], str], home: Path) -> tuple[int, int]:
    """Fork a child that waits for a signal; its number, and where to read what became of it."""
    answer, result = os.pipe()
    child = os.fork()
    if child:
        os.close(result)
        return child, answer
    settings = Settings(stores=StoreSettings(home=home))
    with using_workspace(open_workspace(settings, COMPOSITION)):
        # Nothing that a test lets fail: no read, as a pipe would need.
        signal.sigwait([ORDER])
        ended = json.dumps(run(action)).encode()
    try:
        os.write(result, ended)
    except OSError:  # this write was the one that was to fail
        os.write(result, ended)
    os._exit(0)


def finish(child: int, answer: int) -> dict[str, object]:
    os.kill(child, ORDER)
    with os.fdopen(answer) as file:
        text = file.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return {"signal": os.WTERMSIG(status)}
    ended: dict[str, object] = json.loads(text)
    return ended


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


ORDER = signal.SIGUSR1
ACTIONS = {action.__name__: action for action in (save, save_as_format, delete, build)}

if __name__ == "__main__":
    import numpy as np

    # What is imported late is imported before anything is traced, by doing everything once.
    COMPOSITION = composition()
    ARRAY = np.arange(100.0)
    with using_workspace(open_workspace(Settings(stores=StoreSettings(home=Path(sys.argv[1]))), COMPOSITION)):
        for name in ("save", "save_as_format", "build", "delete"):
            ACTIONS[name]()
    signal.pthread_sigmask(signal.SIG_BLOCK, [ORDER])
    for line in sys.stdin:
        wanted, _, place = line.strip().partition(" ")
        waiting = start(ACTIONS[wanted], Path(place))
        say(str(waiting[0]))
        sys.stdin.readline()
        say(json.dumps(finish(*waiting)))
