from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.contracts.descriptor import Descriptor
from jubako.descriptors.media_types import choose_media_type, find_media_type
from jubako.errors import UnsupportedMediaType

_FRAMES = ("application/json", "text/csv", "application/vnd.apache.parquet")


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "image/png", "nonsense", ",;,", "*", "text/csv;q=x"])
def test_the_first_is_chosen_where_nothing_asks_for_another(accept):
    assert choose_media_type(accept, _FRAMES) == "application/json"


@pytest.mark.parametrize(
    "accept",
    [
        "text/csv",
        "TEXT/CSV",
        "text/*",
        " text/csv ; charset=utf-8 ",
        "*/*;q=0.5, text/csv",
        "application/json;q=0.1,text/csv;q=0.2",
        "application/json; q=0, */*",
        "application/*;q=0.3, text/*;q=0.4",
        "text/html, text/csv",
        "text/csv;q=1.000, application/json;q=0.999",
    ],
)
def test_quality_and_the_most_exact_range_decide(accept):
    assert choose_media_type(accept, _FRAMES) == "text/csv"


def test_an_exact_range_counts_before_a_wider_one_and_what_cannot_be_read_not_at_all():
    accept = "text/csv;q=0.1, application/json;q=0.5, application/json;q=7, application/*;q=0"
    assert choose_media_type(accept, _FRAMES) == "application/json"


def test_a_browser_gets_the_main_media_type():
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
    assert choose_media_type(browser, _FRAMES) == "application/json"
    assert choose_media_type(browser, ("image/jpeg", "image/webp")) == "image/webp"


def test_what_is_refused_in_full_is_answered_by_the_first_all_the_same():
    assert choose_media_type("*/*;q=0", _FRAMES) == "application/json"


@given(accept=st.text(alphabet='aptexcsv/*,;q=01.9 \\"', max_size=60))
def test_whatever_the_header_says_an_offered_one_is_chosen(accept):
    assert choose_media_type(accept, _FRAMES) in _FRAMES


@pytest.mark.parametrize(("before", "chosen"), [(99, "text/csv"), (100, "application/json")])
def test_a_hundred_ranges_are_read_and_no_more(before, chosen):
    assert choose_media_type("," * before + "text/csv", ("application/json", "text/csv")) == chosen


def test_descriptors_give_one_argument_unless_they_say_otherwise():
    assert Descriptor.passes_keywords is False


@pytest.mark.parametrize(
    ("content_type", "found"),
    [
        ("", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV; charset=UTF-8", "text/csv"),
        ("application/vnd.api+json", "application/json"),
        ("application/vnd.apache.parquet; charset=latin-1", "application/vnd.apache.parquet"),
    ],
)
def test_the_media_type_of_a_request_is_found(content_type, found):
    assert find_media_type(content_type, _FRAMES) == found


@pytest.mark.parametrize("content_type", ["text/plain", "nonsense", ";", "image/a+json", "text/csv; charset=latin-1"])
def test_a_media_type_that_is_not_taken_is_refused(content_type):
    with pytest.raises(UnsupportedMediaType, match="Content-Type: "):
        find_media_type(content_type, _FRAMES)
