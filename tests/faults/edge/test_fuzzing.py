"""Bytes that are nearly requests."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.edge.raw_fuzz import DEFAULT_APIS, Maker, fuzz
from tests.faults.state import resident_kib


@pytest.mark.row("http-fuzz")
@pytest.mark.timeout(1500)
def test_no_bytes_are_answered_5xx_and_none_stay(edge, length, figures):
    served = edge()
    (pid,) = served.processes("jubako-api")
    # What is imported, compiled and cached for the first time is no growth.
    warm = asyncio.run(fuzz(served.port, length(3, 30), seed=1))
    before_kib = resident_kib(pid)
    found = asyncio.run(fuzz(served.port, length(6, 1200), seed=2))
    growth_kib = resident_kib(pid) - before_kib
    assert not warm.failures + found.failures
    assert not [line for line in served.lines if "Traceback" in line]
    assert found.statuses[200] > 20
    assert len(found.statuses) >= 8, found.statuses
    assert (pid,) == tuple(served.processes("jubako-api"))
    assert growth_kib < length(8, 16) * 1024
    figures(
        cases=f"{found.cases:,}",
        answers=str(dict(sorted(found.statuses.items()))),
        failures=0,
        rss_growth_mib=round(growth_kib / 1024, 1),
    )


@pytest.mark.quick
@pytest.mark.row("http-fuzz")
def test_the_same_seed_makes_the_same_cases():
    first, second, other = Maker(1, DEFAULT_APIS), Maker(1, DEFAULT_APIS), Maker(2, DEFAULT_APIS)
    assert [first.case(number) for number in range(200)] == [second.case(number) for number in range(200)]
    assert first.case(7) != other.case(7)
