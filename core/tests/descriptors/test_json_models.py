"""`JSON` with pydantic models; pydantic is optional."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from jubako.errors import BadInput
from jubako.io import JSON

pydantic = pytest.importorskip("pydantic")
MEDIA_TYPE = "application/json"


class Leaf(pydantic.BaseModel):
    size: int


class Flower(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)

    name: str
    day: dt.date
    leaves: list[Leaf] = pydantic.Field(default_factory=list)


def test_a_request_becomes_an_object_of_the_model():
    flower = JSON(pydantic_model=Flower).decode(b'{"name": "iris", "day": "2020-01-02", "leaves": [{"size": 3}]}', "")
    assert flower == Flower(name="iris", day=dt.date(2020, 1, 2), leaves=[Leaf(size=3)])


def test_a_request_that_breaks_the_model_is_refused_with_its_place():
    with pytest.raises(BadInput) as caught:
        JSON(pydantic_model=Flower).decode(b'{"name": "iris", "day": "2020-01-02", "leaves": [{"size": "x"}]}', "")
    assert caught.value.field == "$.leaves[0].size"
    assert caught.value.expected.startswith("a value of Flower (")


def test_how_many_more_mistakes_there_are_is_said():
    with pytest.raises(BadInput, match="1 more"):
        JSON(pydantic_model=Flower).decode(b"{}", "")


def test_a_million_mistakes_are_counted_and_not_laid_out():
    class Sizes(pydantic.BaseModel):
        sizes: list[int]

    with pytest.raises(BadInput, match="2000 values are not what Sizes takes") as caught:
        JSON(pydantic_model=Sizes).decode(json.dumps({"sizes": ["x"] * 2000}).encode(), "")
    assert caught.value.field == "$"


@pytest.mark.parametrize("body", [b'{"name": NaN}', b"{", b"\xff"])
def test_what_is_no_json_is_refused_before_the_model_sees_it(body):
    with pytest.raises(BadInput, match="not JSON"):
        JSON(pydantic_model=Flower).decode(body, MEDIA_TYPE)


def test_without_validation_the_plain_value_is_given():
    descriptor = JSON(pydantic_model=Flower, validate_json=False)
    assert descriptor.decode(b'{"name": 1}', "") == {"name": 1}
    assert descriptor.openapi_schema()["title"] == "Flower"


def test_objects_of_models_are_written():
    flower = Flower(name="iris", day=dt.date(2020, 1, 2), leaves=[Leaf(size=3)])
    assert json.loads(JSON().encode([flower]).body) == [{"name": "iris", "day": "2020-01-02", "leaves": [{"size": 3}]}]
