"""Which parameter of an API's function gets what, decided when the API is defined."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any
from uuid import UUID

import pytest

import jubako
from jubako.contracts.descriptor import EncodedBody
from jubako.errors import BadInput, InvalidArgument
from jubako.io import JSON, Descriptor, Multipart, Text
from jubako.services.api import InferenceAPI, define_api
from jubako.services.context import Context, Request


def define(func: Callable[..., Any], **arguments: Any) -> InferenceAPI:
    return define_api(func, **{"input": JSON(), "output": JSON(), "name": "toy", **arguments})


def refusal(func: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(InvalidArgument) as caught:
        define(func, **arguments)
    assert "API 'toy'" in str(caught.value)
    assert "Do: " in str(caught.value)
    return str(caught.value)


CONTEXT = Context(
    Request.read(
        method="POST",
        path="/",
        raw_headers=[],
        query_string=b"",
        path_params={},
        request_id="1",
        client="",
    )
)


def call(api: InferenceAPI, value: Any = "body", **path: str) -> Any:
    return api.plan.call(api.func, value, api.plan.read_path(path), CONTEXT)


def test_a_function_of_one_argument_gets_the_input_and_nothing_is_prepared_for_it():
    api = define(lambda value: [value])
    assert api.plan.is_plain
    assert call(api) == ["body"]


@pytest.mark.parametrize(
    "func",
    [
        lambda value, other=1: value,
        lambda *values: values[0],
        lambda value, /: value,
        lambda value, *, other=1: value,
        functools.partial(lambda other, value: value, 1),
        functools.partial(lambda value, other: value, other=1),
        str,
    ],
)
def test_the_input_is_the_first_argument_that_is_left(func):
    api = define(func)
    assert api.plan.is_plain
    assert call(api) == "body"


def test_the_context_goes_to_the_parameter_that_is_annotated_with_it_wherever_it_stands():
    def first(context: jubako.Context, value):
        return context, value

    def last(value, ctx: Context):
        return ctx, value

    def by_name(value, *, ctx: jubako.Context):
        return ctx, value

    def alone(anything: jubako.Context):
        return anything, "body"

    for func in (first, last, by_name):
        assert call(define(func)) == (CONTEXT, "body")
    api = define(alone, input=None)
    assert api.input is None
    assert call(api) == (CONTEXT, "body")


def test_a_name_alone_asks_for_no_context():
    assert call(define(lambda context: context)) == "body"
    assert "exactly one argument" in refusal(lambda value, ctx: value)


def test_the_routes_parameters_are_converted_as_they_are_annotated():
    def func(body, number: int, share: float, key: UUID, name: str, plain):
        return body, number, share, key, name, plain

    api = define(func, route="v1/{number}/{share}/{key}/{name}/{plain}")
    key = "0b0e1e9e-8b1c-4b0e-9f5a-0c1d2e3f4a5b"
    assert call(api, number="-7", share="0.5", key=key, name="a", plain="7") == (
        "body",
        -7,
        0.5,
        UUID(key),
        "a",
        "7",
    )


@pytest.mark.parametrize(
    ("annotation", "text", "expected"),
    [
        (int, "x", "a whole number"),
        (int, "1_0", "a whole number"),
        (int, " 1", "a whole number"),
        (int, "\N{ARABIC-INDIC DIGIT ONE}", "a whole number"),
        (int, "9" * 41, "a whole number"),
        (float, "nan", "a number"),
        (float, "inf", "a number"),
        (float, "1e999", "a number"),
        (UUID, "{0b0e1e9e-8b1c-4b0e-9f5a-0c1d2e3f4a5b}", "a UUID"),
    ],
)
def test_what_cannot_be_converted_is_bad_input_that_names_the_parameter(annotation, text, expected):
    def func(body, it):
        return it

    func.__annotations__ = {"it": annotation}
    with pytest.raises(BadInput) as caught:
        call(define(func, route="v1/{it}"), it=text)
    assert (caught.value.field, caught.value.expected) == ("it", expected)


def test_a_parameter_of_the_route_that_the_function_leaves_out_is_in_the_context():
    def func(body, context: jubako.Context):
        return body

    api = define(func, route="v1/{number}")
    assert api.plan.read_path({"number": "7"}) == {"number": "7"}
    assert call(api, number="7") == "body"


def test_a_function_that_takes_any_keyword_gets_the_routes_parameters():
    assert call(define(lambda body, **more: more, route="v1/{a}/{b}"), a="1", b="2") == {"a": "1", "b": "2"}


def test_the_input_may_stand_behind_the_routes_parameters():
    assert call(define(lambda number, body: (number, body), route="v1/{number}"), number="7") == ("7", "body")


def no_arguments():
    return 1


def positional_context(value, context: jubako.Context, /):
    return value


def two_contexts(value, one: jubako.Context, other: Context):
    return value


def rest_as_number(body, rest: int):
    return rest


def listed(body, number: list[int]):
    return number


@pytest.mark.parametrize(
    ("func", "route", "words"),
    [
        (no_arguments, None, "exactly one argument"),
        (lambda a, b: a, None, "exactly one argument"),
        (lambda a, *, b: a, None, "exactly one argument"),
        (lambda **more: more, None, "exactly one argument"),
        (positional_context, None, "cannot be passed by name"),
        (two_contexts, None, "Two of its parameters"),
        (lambda body: body, "v1/{number}", "a parameter 'number', which the function does not take"),
        (lambda body, number, /: body, "v1/{number}", "does not take"),
        (lambda number, /, body: body, "v1/{number}", "does not take"),
        (lambda number, *body: body, "v1/{number}", "neither first nor by name"),
        (rest_as_number, "v1/{rest:path}", "str, where it takes slashes"),
        (listed, "v1/{number}", "none that a path can be read as"),
    ],
)
def test_a_function_that_no_request_can_call_is_refused_when_it_is_added(func, route, words):
    assert words in refusal(func, route=route)


def test_what_is_no_function_is_refused():
    assert "is no function, but int" in refusal(7)


def test_an_annotation_that_is_known_to_type_checkers_only_is_named():
    def func(value, context: Unknown):  # noqa: F821
        return value

    assert "The annotation of context cannot be read." in refusal(func)
    # Where nothing depends on it, nothing is said.
    assert call(define(lambda value: value)) == "body"


def test_input_and_output_come_from_the_annotations():
    def func(text: str) -> dict[str, int]:
        return {text: 1}

    api = define(func, input=None, output=None)
    assert isinstance(api.input, Text)
    assert isinstance(api.output, JSON)
    assert isinstance(define(func, input=None).input, Text)
    assert isinstance(define(func, output=None).output, JSON)


def test_a_descriptor_in_an_annotation_is_taken_as_it_is():
    class Loud(Text):
        pass

    def func(text):
        return text

    func.__annotations__ = {"text": Annotated[str, Loud()], "return": Loud()}
    api = define(func, input=None, output=None)
    assert isinstance(api.input, Loud)
    assert isinstance(api.output, Loud)


@pytest.mark.parametrize("func", [no_arguments, lambda: 1, lambda flag=False: 1, functools.partial(lambda a: 1, a=2)])
def test_a_function_without_an_argument_for_it_takes_no_input(func):
    api = define(func, input=None)
    assert api.input is None
    assert call(api) == 1


@pytest.mark.parametrize(
    ("func", "side"),
    [
        (lambda value: value, "input"),
        (lambda *values: values, "input"),
        (no_arguments, "output"),
    ],
)
def test_what_neither_a_descriptor_nor_an_annotation_says_is_refused(func, side):
    message = refusal(func, input=None, output=None)
    assert f"the {side} of API 'toy' is not known" in message
    assert f"{side}= a descriptor of jubako.io" in message


def test_an_annotation_that_no_descriptor_stands_for_is_refused_with_what_is_known():
    def func(value: complex) -> str:
        return str(value)

    message = refusal(func, input=None, output=None)
    assert "complex" in message
    assert "'value'" in message


class Parts(Descriptor):
    media_types = ("multipart/form-data",)
    passes_keywords = True

    def decode(self, body, content_type):
        return {"a": 1, "b": 2}

    def encode(self, value, accept=""):
        return EncodedBody(b"", "multipart/form-data")

    def openapi_schema(self):
        return {}


def test_the_parts_of_an_input_are_passed_by_name():
    def func(b, a, context: jubako.Context, number: int):
        return a, b, context, number

    api = define(func, input=Parts(), route="v1/{number}")
    assert call(api, {"a": 1, "b": 2}, number="3") == (1, 2, CONTEXT, 3)
    assert call(define(lambda **parts: parts, input=Parts()), {"a": 1}) == {"a": 1}


@pytest.mark.parametrize("func", [no_arguments, lambda a, /, b: 1])
def test_a_function_that_cannot_take_parts_by_name_is_refused(func):
    assert "take a parameter for each part" in refusal(func, input=Parts())


@pytest.mark.parametrize(
    ("func", "wrong"),
    [
        (lambda a: 1, "see b"),
        (lambda a, b, c: 1, "see c"),
        (lambda one, two: 1, "see a, b, one, two"),
        (lambda b, /, a: 1, "see b"),
    ],
)
def test_a_function_whose_parameters_are_not_the_parts_is_refused(func, wrong):
    message = refusal(func, input=Multipart(a=Text(), b=JSON()))
    assert "passed by name: a, b." in message
    assert wrong in message


def test_a_part_and_the_context_cannot_have_one_name():
    def func(a, b: jubako.Context):
        return a

    assert "see b" in refusal(func, input=Multipart(a=Text(), b=JSON()))


@pytest.mark.parametrize("func", [lambda a, b: 1, lambda b, a, c=1: 1, lambda **parts: 1, lambda a, **parts: 1])
def test_a_function_that_takes_all_parts_is_added(func):
    assert call(define(func, input=Multipart(a=Text(), b=JSON())), {"a": "", "b": 1}) == 1


async def later(value):
    return value


def items(value) -> Iterator[str]:
    yield value


async def later_items(value) -> AsyncIterator[str]:
    yield value


class Calling:
    """Objects that are called, one of each kind."""

    class Sync:
        def __call__(self, value):
            return value

    class Coroutine:
        async def __call__(self, value):
            return value

    class Items:
        def __call__(self, value):
            yield value

    class LaterItems:
        async def __call__(self, value):
            yield value


@pytest.mark.parametrize(
    ("func", "is_async", "is_stream"),
    [
        (later, True, False),
        (items, False, True),
        (later_items, True, True),
        (functools.partial(later), True, False),
        (functools.partial(items), False, True),
        (functools.partial(later_items), True, True),
        (Calling.Sync(), False, False),
        (Calling.Coroutine(), True, False),
        (Calling.Items(), False, True),
        (Calling.LaterItems(), True, True),
    ],
)
def test_each_kind_of_function_is_known_in_every_disguise(func, is_async, is_stream):
    api = define(func)
    assert (api.is_async, api.is_stream) == (is_async, is_stream)


@pytest.mark.parametrize("func", [items, later_items])
def test_the_output_of_a_stream_is_what_it_yields(func):
    assert isinstance(define(func, output=None).output, Text)


def test_a_form_is_not_sent_in_pieces():
    assert "A form is sent as a whole" in refusal(items, output=Multipart(a=Text()))
