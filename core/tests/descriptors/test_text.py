from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.errors import BadInput, InvalidArgument, UnsupportedMediaType
from jubako.io import Text


@given(st.text(st.characters(codec="utf-8")))
def test_every_text_comes_back(text):
    body = Text().encode(text)
    assert body.content_type == "text/plain; charset=utf-8"
    assert Text().decode(body.body, body.content_type) == text


def test_bytes_that_are_no_utf_8_are_refused_with_their_place():
    with pytest.raises(BadInput, match="byte 2") as caught:
        Text().decode(b"ab\xff", "text/plain")
    assert caught.value.field == "byte 2"


@pytest.mark.parametrize("content_type", ["", "text/plain", "TEXT/HTML", 'text/plain; charset="UTF-8"'])
def test_text_of_every_kind_and_no_content_type_are_taken(content_type):
    assert Text().decode(b"a", content_type) == "a"


@pytest.mark.parametrize("content_type", ["application/json", "text/plain; charset=utf-16", "textual"])
def test_other_content_types_are_refused(content_type):
    with pytest.raises(UnsupportedMediaType, match="text/plain"):
        Text().decode(b"a", content_type)


def test_a_result_that_is_no_text_is_the_services_fault():
    with pytest.raises(InvalidArgument, match="returned int"):
        Text().encode(3)
