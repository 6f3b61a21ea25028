from __future__ import annotations

import enum
import functools
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Optional

import attrs
import numpy as np
import numpy.typing as npt
import pytest

from jubako.descriptors.annotations import descriptor_of, read_annotations
from jubako.errors import BadInput, InvalidArgument
from jubako.io import JSON, NumpyNdarray
from jubako.plugins import compose


@dataclass
class Flower:
    name: str


@attrs.frozen
class Leaf:
    size: int


class Colour(enum.StrEnum):
    RED = "red"


@pytest.fixture(scope="module")
def composition():
    return compose()


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        (np.ndarray, "NumpyNdarray()"),
        (npt.NDArray[np.float32], "NumpyNdarray(dtype='float32')"),
        (str, "Text()"),
        (Iterator[str], "Text()"),
        (AsyncIterator[Flower], "JSON(model=Flower)"),
        (Flower, "JSON(model=Flower)"),
        (Leaf, "JSON(model=Leaf)"),
        (Colour, "JSON(model=Colour)"),
        (Any, "JSON()"),
        (dict, "JSON(model=dict)"),
        (int, "JSON(model=int)"),
        (list[Flower], "JSON(model=list)"),
        (Optional[int], "JSON(model=Optional)"),  # noqa: UP045  # users write it
        (Annotated[np.ndarray, NumpyNdarray(shape=(-1, 4))], "NumpyNdarray(shape=(-1, 4))"),
        (Annotated[str, JSON], "JSON()"),
        (Annotated[str, "a note"], "Text()"),
    ],
)
def test_an_annotation_stands_for_a_descriptor(annotation, shown, composition):
    descriptor = descriptor_of(annotation, composition)
    assert repr(descriptor) == shown or type(descriptor).__name__ == "JSON" == shown.partition("(")[0]


@pytest.mark.parametrize("annotation", [None, int | None, Literal["a"], list[int], float, bool])
def test_what_json_can_check_is_checked(annotation, composition):
    descriptor = descriptor_of(annotation, composition)
    assert isinstance(descriptor, JSON)
    assert descriptor.openapi_schema()


def test_pydantics_models_are_validated_by_pydantic(composition):
    pydantic = pytest.importorskip("pydantic")

    class Size(pydantic.BaseModel):
        size: int = pydantic.Field(gt=0)

    assert descriptor_of(Size, composition).decode(b'{"size": "3"}', "") == Size(size=3)
    assert descriptor_of(list[Size], composition).decode(b'[{"size": 3}]', "") == [Size(size=3)]
    positive = descriptor_of(Annotated[int, pydantic.Field(gt=0)], composition)
    with pytest.raises(InvalidArgument):
        positive.decode(b"0", "")


def test_an_annotation_that_nothing_stands_for_is_refused_with_those_that_are_known(composition):
    with pytest.raises(InvalidArgument) as caught:
        descriptor_of(complex, composition)
    for words in (
        "complex",
        "numpy.ndarray",
        "str, bytes, pathlib.PurePath, FileLike",
        "dataclasses",
        "input=",
    ):
        assert words in str(caught.value)


def test_annotations_are_read_with_the_names_of_their_module():
    def classify(flower: Flower, hidden: NotThere, plain: "int" = 3) -> Iterator[Leaf]:  # noqa: F821, UP037
        """Has annotations as text, thanks to the import above."""

    found = read_annotations(functools.wraps(classify)(lambda *_: None))
    assert found == {"flower": Flower, "hidden": "NotThere", "plain": int, "return": Iterator[Leaf]}


def test_an_annotation_that_cannot_be_read_is_told_so(composition):
    with pytest.raises(InvalidArgument, match="cannot be read") as caught:
        descriptor_of("NotThere", composition)
    assert "TYPE_CHECKING" in str(caught.value)


def test_the_annotations_of_an_object_that_can_be_called_are_those_of_its_method():
    class Model:
        def __call__(self, size: int) -> str:
            return str(size)

    assert read_annotations(Model()) == {"size": int, "return": str}


def test_recognizing_annotations_imports_no_package_of_theirs():
    script = (
        "import sys\nfrom jubako.plugins import compose\nfrom jubako.descriptors.annotations import descriptor_of\n"
        "descriptor_of(str, compose())\nprint({'pandas', 'PIL', 'pydantic', 'quart'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="has no such statement")
def test_names_of_types_stand_for_what_they_name(composition):
    names: dict[str, Any] = {"np": np}
    statements = (
        "type Rows[T] = list[T]; type Table = Rows[Rows[int]]; type Array = np.ndarray; type Tree[T] = list[Tree[T]]"
    )
    exec(statements, names)
    assert JSON(model=names["Table"]).decode(b"[[1], []]", "") == [[1], []]
    with pytest.raises(BadInput, match="an integer"):
        descriptor_of(names["Table"], composition).decode(b'[["a"]]', "")
    assert repr(descriptor_of(names["Array"], composition)) == "NumpyNdarray()"
    with pytest.raises(InvalidArgument, match="stands for itself"):
        JSON(model=names["Tree"][int])
