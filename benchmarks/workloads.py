"""What is asked of every server, and which answers are right.

A workload does not know how a server wants its requests; that stands in the server's folder under `peers/`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from benchmarks.errors import BenchmarkError


@dataclass(frozen=True)
class Question:
    """One request and its answer.

    Args:
        row: the numbers that are sent.
        expected: the number that is right.
    """

    row: tuple[float, ...]
    expected: float


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
    return tuple(Question(row, math.fsum(row)) for row in rows)


# Flowers of the iris data that no forest trained on it takes for another kind.
_FLOWERS = (
    Question((5.1, 3.5, 1.4, 0.2), 0),
    Question((7.0, 3.2, 4.7, 1.4), 1),
    Question((6.3, 3.3, 6.0, 2.5), 2),
    Question((4.9, 3.0, 1.4, 0.2), 0),
    Question((6.4, 3.2, 4.5, 1.5), 1),
    Question((7.6, 3.0, 6.6, 2.1), 2),
)

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
    )
}


def check_answer(question: Question, body: bytes) -> None:
    """Check the body of an answer: the number itself, or that number as the only item of a list.

    Raises:
        BenchmarkError: it is something else.
    """
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    while isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    is_number = isinstance(answer, int | float) and not isinstance(answer, bool)
    if not is_number or not math.isclose(answer, question.expected, rel_tol=1e-9):
        raise BenchmarkError(
            f"a wrong answer: {body[:200]!r} to {list(question.row)}, where {question.expected} is right. "
            "A server that errs is not measured. Do: look at its service under benchmarks/peers/."
        )
