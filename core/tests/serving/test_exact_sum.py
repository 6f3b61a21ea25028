"""Sums of floats that no order of adding changes."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
from hypothesis import given

from jubako.serving.exact_sum import ExactSum

NUMBERS = st.lists(st.floats(-1e300, 1e300), max_size=30)


def sum_of(numbers):
    total = ExactSum()
    for number in numbers:
        total.add(number)
    return total


@given(NUMBERS)
def test_a_sum_is_rounded_once(numbers):
    assert sum_of(numbers).value() == math.fsum(numbers)


@given(NUMBERS, st.randoms())
def test_the_order_makes_no_difference(numbers, random):
    mixed = random.sample(numbers, len(numbers))
    assert sum_of(mixed).value() == sum_of(numbers).value()


def test_a_copy_is_a_sum_of_its_own():
    total = sum_of([1.0])
    total.copy().add(2.0)
    assert total.value() == 1.0


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_what_is_no_number_stays(number):
    total = sum_of([1.0, number, 2.0])
    assert math.isnan(total.value()) if math.isnan(number) else total.value() == number
