"""Many processes at once in one home; the tests run it as a program: `<home> <work> <amount>`, which prints JSON.

What no contract names ends a process with a traceback, and is counted by the test as an error.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jubako.models
from jubako.contracts.store import StoreKind
from jubako.errors import JubakoError, NotFound
from jubako.stores.collecting import find_store_debris, remove_store_debris
from jubako.stores.local import LocalStore
from jubako.testing.store_tests import write_version
from jubako.values.tag import Tag
from tests.faults.store import homes

PROCESSES = 8


def save_one_tag(home: Path, number: int, rounds: float) -> Counter[str]:
    """Save the same tags as all others; how often that ended how."""
    store, ends = LocalStore(home, StoreKind.BENTOS), Counter[str]()
    for turn in range(int(rounds)):
        tag = Tag("same", f"v{turn}")
        try:
            with store.draft(tag, origin="built") as folder:
                write_version(folder, store.kind, tag, datetime.now(UTC), {"writer": b"%d" % number * 10_000})
                # All others are in this block too, or have lost already: nobody is refused before it writes.
                wait_for_all(home, turn)
        except JubakoError as error:
            ends[f"{type(error).__name__}: {error.message}"] += 1
        else:
            ends["won"] += 1
    return ends


def wait_for_all(home: Path, turn: int) -> None:
    """Wait until all processes are here for the numbered time."""
    (home / f"here-{turn}-{os.getpid()}").touch()
    ends = time.monotonic() + 20
    while len(list(home.glob(f"here-{turn}-*"))) < PROCESSES and time.monotonic() < ends:
        os.sched_yield()


def save_versions(home: Path, number: int, versions: float) -> list[str]:
    """Save versions of one name; the latest is never one that this process saved before."""
    store, own = LocalStore(home, StoreKind.MODELS), []
    for left in reversed(range(int(versions))):
        # By name the first comes last, so that an order by name would be wrong.
        own.append(Tag("iris", f"v{left:03}-{number}"))
        with store.draft(own[-1]) as folder:
            write_version(folder, store.kind, own[-1], datetime.now(UTC), {"content": b"1" * 1000})
        assert store.resolve(Tag("iris")) not in own[:-1]
    return [str(tag) for tag in own]


def save_and_delete(home: Path, number: int, seconds: float) -> int:
    """Save, and delete the own version before."""
    count, before = 0, None
    with homes.using(home):
        for _ in until(seconds):
            with jubako.models.create("iris", custom_objects={"answer": number}) as draft:
                draft.path_of("weights.bin").write_text(f"{number}: " + "x" * 100_000)
                for part in range(20):
                    draft.path_of(f"part-{part}").write_text("1")
            with contextlib.suppress(NotFound):  # another deleted it already
                if before is not None:
                    jubako.models.delete(before)
            before, count = draft.tag, count + 2
    return count


def delete_anything(home: Path, _: int, seconds: float) -> int:
    """Delete what others have saved, except one version."""
    count = 0
    with homes.using(home):
        for _ in until(seconds):
            for model in jubako.models.list()[1:]:
                with contextlib.suppress(NotFound):
                    jubako.models.delete(model.tag)
                    count += 1
    return count


def read_everything(home: Path, _: int, seconds: float) -> int:
    """What can be seen is whole, or gone altogether; what is open stays readable."""
    count = 0
    with homes.using(home):
        for _ in until(seconds):
            for model in jubako.models.list():
                with contextlib.suppress(NotFound):
                    count += read_whole(model)
            with contextlib.suppress(NotFound):
                jubako.models.get("iris")
    return count


def read_whole(model: jubako.models.Model) -> int:
    """Check a model's files, and read one of them again later, though it may be deleted meanwhile."""
    try:
        weights = model.path_of("weights.bin").open("rb")
    except FileNotFoundError:
        return 0
    with weights, mmap.mmap(weights.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        with contextlib.suppress(JubakoError):  # gone while its digests were computed
            model.verify_object_files()
        answer = weights.read()
        assert answer.endswith(b"x" * 100_000), len(answer)
        assert mapped[:] == answer
    return 1


def export_everything(home: Path, number: int, seconds: float) -> int:
    """What is exported is whole: it is imported elsewhere, where every byte is compared with the manifest."""
    count = 0
    for turn, _ in enumerate(until(seconds)):
        elsewhere = LocalStore(home / f"elsewhere-{number}" / str(turn), StoreKind.MODELS)
        with homes.using(home):
            for model in jubako.models.list():
                archive = str(home / f"export-{number}.zip")
                try:
                    jubako.models.export_model(model.tag, archive, overwrite=True)
                except NotFound:  # deleted before, or while it was read
                    continue
                jubako.models.import_model(archive, _model_store=elsewhere)
                count += 1
    return count


def collect(home: Path, _: int, seconds: float) -> int:
    """Remove what dead writers have left, while none is dead: nothing that anybody needs."""
    store, count = LocalStore(home, StoreKind.MODELS), 0
    for _ in until(seconds):
        remove_store_debris(store, find_store_debris(store))
        count += 1
    return count


def until(seconds: float) -> Any:
    """Go round until the time is over."""
    ends = time.monotonic() + seconds
    return iter(lambda: time.monotonic() < ends, False)


WORKS: dict[str, Sequence[Callable[[Path, int, float], Any]]] = {
    "one-tag": [save_one_tag] * PROCESSES,
    "versions": [save_versions] * PROCESSES,
    "stress": [save_and_delete] * 3 + [delete_anything] + [read_everything] * 2 + [export_everything, collect],
}


def start(work: Callable[[Path, int, float], Any], home: Path, number: int, amount: float) -> tuple[int, int]:
    answer, result = os.pipe()
    child = os.fork()
    if child:
        os.close(result)
        return child, answer
    try:
        found = {work.__name__: work(home, number, amount)}
    except BaseException:
        found = {"error": traceback.format_exc()}
    with os.fdopen(result, "w") as file:
        json.dump(found, file)
    os._exit(0)


if __name__ == "__main__":
    place, wanted, much = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    started = [start(work, place, number, much) for number, work in enumerate(WORKS[wanted])]
    answers = []
    for process, reader in started:
        with os.fdopen(reader) as pipe:
            answers.append(json.load(pipe))
        os.waitpid(process, 0)
    json.dump(answers, sys.stdout)
