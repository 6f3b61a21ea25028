"""What is asked of every server, and which answers are right.

A workload does not know how a server wants its requests; that stands in the server's folder under `peers/`.
"""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass

from benchmarks.errors import BenchmarkError


@dataclass(frozen=True)
class Question:
    """One request and its answer.

    Args:
        row: the numbers that are sent.
        expected: the numbers that are right.
        tolerance: how far an answer may be from them: absolutely, or of a number above 1 relatively.
    """

    row: tuple[float, ...]
    expected: tuple[float, ...]
    tolerance: float = 1e-9


@dataclass(frozen=True)
class Workload:
    """Questions of one kind.

    Args:
        name: as on the command line.
        title: one line for the report.
        questions: at least one; a load goes round them.
    """

    name: str
    title: str
    questions: tuple[Question, ...]


def _ask_for_sums(*rows: tuple[float, ...]) -> tuple[Question, ...]:
    return tuple(Question(row, (math.fsum(row),)) for row in rows)


# Flowers of the iris data that no forest trained on it takes for another kind.
_FLOWERS = (
    Question((5.1, 3.5, 1.4, 0.2), (0,)),
    Question((7.0, 3.2, 4.7, 1.4), (1,)),
    Question((6.3, 3.3, 6.0, 2.5), (2,)),
    Question((4.9, 3.0, 1.4, 0.2), (0,)),
    Question((6.4, 3.2, 4.5, 1.5), (1,)),
    Question((7.6, 3.0, 6.6, 2.1), (2,)),
)

_MLP_FEATURES = 512
# Of `inprocess.mlp` for those rows; float32 of another order of sums differs in the eighth digit.
_MLP_SCORES = (
    (0.0153753, 0.0014901, 0.0486138, -0.0171482, 0.0871480, 0.1087763, 0.0321842, 0.0246409, 0.0426571, 0.0480802),
    (0.0313648, 0.0428806, 0.0204443, -0.0132513, 0.0114175, 0.0175657, -0.0441303, 0.0628573, -0.0346749, 0.1243514),
    (0.0689614, -0.0269494, 0.0661706, 0.0367935, 0.0085484, 0.0471793, 0.0683132, 0.0931716, 0.0583942, 0.0976246),
)


def _ask_the_mlp() -> tuple[Question, ...]:
    # Six digits, as people write them; one row is 5 kB of JSON.
    source = random.Random(3)  # noqa: S311  # the same rows every time
    rows = [tuple(round(source.uniform(-1, 1), 6) for _ in range(_MLP_FEATURES)) for _ in _MLP_SCORES]
    return tuple(Question(row, scores, 1e-5) for row, scores in zip(rows, _MLP_SCORES, strict=True))


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(
            "W1",
            "overhead: four floats as JSON, answered with their sum; no model, no batching",
            _ask_for_sums((1.0, 2.0, 3.0, 4.0), (0.5, 0.25, 8.0, -1.0), (5.1, 3.5, 1.4, 0.2)),
        ),
        Workload(
            "W2",
            "scikit-learn: RandomForestClassifier(n_estimators=100) on iris, one row as JSON; batches of up to 64",
            _FLOWERS,
        ),
        Workload(
            "W3",
            "torch on the CPU, one thread: MLP 512-2048-2048-10 in float32, one row as JSON; batches of up to 64",
            _ask_the_mlp(),
        ),
    )
}


def check_answer(question: Question, body: bytes) -> None:
    """Check the body of an answer: the numbers in a list, in as many lists as the server likes; or a lone one itself.

    Raises:
        BenchmarkError: it is something else.
    """
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    while isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    numbers = answer if isinstance(answer, list) else [answer]
    if len(numbers) != len(question.expected) or not all(
        _is_number(number) and math.isclose(number, right, rel_tol=question.tolerance, abs_tol=question.tolerance)
        for number, right in zip(numbers, question.expected, strict=True)
    ):
        raise BenchmarkError(
            f"a wrong answer: {body[:200]!r} to {_shorten(question.row)}, "
            f"where {_shorten(question.expected)} is right. A server that errs is not measured. "
            "Do: look at its service under benchmarks/peers/."
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shorten(numbers: tuple[float, ...]) -> str:
    shown = ", ".join(str(number) for number in numbers[:10])
    return f"[{shown}, … {len(numbers)} in all]" if len(numbers) > 10 else f"[{shown}]"
