"""A mutator for whatever reads bytes that others may have written, in a process of its own with a bound on its memory.

`python -m tests.faults.trust.fuzzing TARGET EXECUTIONS SEED FOLDER` tries inputs that are made of sound ones, and
writes one line of JSON. The same seed makes the same inputs. An input that leads to a place where none before it has
led is kept, and made others of. What is not documented (another error, more than five seconds of a processor, more
memory than allowed, a file that appears) ends it with 1, and the input is in FOLDER.
"""

from __future__ import annotations

import itertools
import json
import random
import resource
import signal
import struct
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import attrs

from tests.faults.trust.fuzz_target import Target
from tests.faults.trust.fuzz_targets import find_target

SLOWEST_S = 5.0
MIB = 1024 * 1024
_CORPUS = 400
_LONGEST = 64 * 1024
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1)


class Hang(BaseException):
    """An input took longer than `SLOWEST_S`; no `except Exception` takes it for something else."""


@attrs.define
class Report:
    """What a run has found.

    Args:
        executions: inputs that were tried.
        accepted: those that were read without an error.
        outcomes: different ways through our code that inputs have taken.
        slowest_ms: the longest that one took.
        grown_mib: how much memory the process took more at its end than at its start, at the highest.
        failure: what was not documented; empty if nothing was.
    """

    executions: int = 0
    accepted: int = 0
    outcomes: int = 0
    slowest_ms: float = 0.0
    grown_mib: float = 0.0
    failure: str = ""


class Mutator:
    """Makes inputs of others.

    Args:
        random_source: decides everything.
        tokens: pieces that mean something to what is tested.
    """

    def __init__(self, random_source: random.Random, tokens: Sequence[bytes]) -> None:
        self._random = random_source
        self._tokens = tokens

    def mutate(self, data: bytes, other: bytes) -> bytes:
        """One to five changes, each of another kind."""
        changed = bytearray(data)
        for _ in range(self._random.choice((1, 1, 1, 2, 3, 5))):
            self._change(changed, other)
        return bytes(changed[:_LONGEST])

    def _change(self, data: bytearray, other: bytes) -> None:
        draw = self._random
        at = draw.randrange(len(data) + 1)
        end = min(len(data), at + draw.choice((1, 2, 4, 8, 64, 1024)))
        match draw.randrange(9):
            case 0 if data:
                data[at % len(data)] ^= 1 << draw.randrange(8)
            case 1 if data:
                data[at % len(data)] = draw.randrange(256)
            case 2:
                del data[at:end]
            case 3:
                data[at:at] = draw.randbytes(draw.choice((1, 2, 8, 100)))
            case 4:
                data[at:at] = data[at:end] * draw.choice((1, 2, 16, 300))
            case 5:
                begin = draw.randrange(len(other) + 1)
                data[at:end] = other[begin : begin + draw.choice((1, 8, 64, 1024))]
            case 6:
                layout = draw.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
                number = draw.choice(_NUMBERS) & (1 << 8 * struct.calcsize(layout)) - 1
                data[at : at + struct.calcsize(layout)] = struct.pack(layout, number)
            case 7:
                data[at:at] = str(draw.choice(_NUMBERS) * draw.choice((1, -1))).encode()
            case _:
                token = draw.choice(self._tokens) if self._tokens else b"\0"
                data[at : draw.choice((at, end))] = token * draw.choice((1, 1, 1, 2, 70))


def fuzz(target: Target, executions: int, seed: int, folder: Path) -> Report:
    """Try inputs until one is handled otherwise than documented, or as many were tried.

    Args:
        target: what reads them.
        executions: how many inputs.
        seed: of the random source.
        folder: for files; an input that fails is left there.
    """
    draw = random.Random(seed)
    sound = target.seeds(folder)
    corpus = [*sound, *target.planted(folder)]
    mutator = Mutator(draw, target.tokens)
    report = Report()
    seen: set[object] = set()
    signal.signal(signal.SIGPROF, _too_slow)
    inputs = itertools.chain(list(corpus), iter(lambda: _next(draw, mutator, corpus, target), None))
    for number, data in enumerate(itertools.islice(inputs, executions)):
        if number == len(corpus):
            _bound_memory(target)  # only now: what is imported late is none of an input's
        began = time.process_time()
        outcome = _attempt(target, data, folder, report)
        report.slowest_ms = max(report.slowest_ms, round((time.process_time() - began) * 1000, 1))
        report.executions += 1
        if report.accepted < min(report.executions, len(sound)):
            report.failure = report.failure or f"a sound input was refused: {outcome}"
        if report.failure:
            (folder / f"failed-{target.name}").write_bytes(data)
            break
        if outcome not in seen:
            seen.add(outcome)
            if number >= len(corpus):
                corpus.append(data)
                if len(corpus) > _CORPUS:
                    del corpus[draw.randrange(len(corpus))]
    report.outcomes = len(seen)
    return report


def _next(draw: random.Random, mutator: Mutator, corpus: Sequence[bytes], target: Target) -> bytes:
    data = draw.choice(corpus)
    # A checksum or a directory that does not fit would hide what lies behind it.
    if target.restructure is not None and draw.random() < 0.7:
        return target.restructure(draw, data)
    return mutator.mutate(data, draw.choice(corpus))


def _attempt(target: Target, data: bytes, folder: Path, report: Report) -> object:
    """Feed one input; what stands for the way it took."""
    signal.setitimer(signal.ITIMER_PROF, SLOWEST_S)
    try:
        outcome: object = target.read(data, folder)
        report.accepted += 1
    except target.documented as error:
        outcome = (type(error), _places(error))
        if _is_of_memory(error):
            report.failure = f"more than {target.memory_mib} MiB: {traceback.format_exc()}"
    except (Exception, Hang):
        outcome = "undocumented"
        report.failure = traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    if (folder / "canary").exists():
        report.failure = "it ran what was planted"
    return outcome


def _places(error: BaseException | None) -> tuple[tuple[str, int], ...]:
    """Where an error and what caused it were raised, in our code and below it."""
    places: list[tuple[str, int]] = []
    while error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        places += [(frame.filename, frame.lineno or 0) for frame in frames]
        error = error.__cause__
    return tuple(places)


def _is_of_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _too_slow(_: int, frame: FrameType | None) -> None:
    raise Hang(f"an input took longer than {SLOWEST_S} s")


def _bound_memory(target: Target) -> None:
    if target.memory_mib and sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + target.memory_mib * MIB
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def _resident_mib() -> float:
    scale = 1024 if sys.platform == "linux" else 1024 * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def main(arguments: Sequence[str], find: Callable[[str], Target] = find_target) -> int:
    """Run one target, and write the report."""
    name, executions, seed, folder = arguments
    warnings.simplefilter("ignore")
    target = find(name)
    before = _resident_mib()
    report = fuzz(target, int(float(executions)), int(seed), Path(folder))
    report.grown_mib = round(_resident_mib() - before, 1)
    sys.stdout.write(json.dumps(attrs.asdict(report)) + "\n")
    return 1 if report.failure else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
