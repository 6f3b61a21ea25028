"""Errors as problem details: what a client is told, and what not."""

from __future__ import annotations

import inspect
import json

import pytest

from jubako import errors
from jubako.errors import BadInput, DeadlineExceeded, JubakoError, TooManyRequests
from jubako.server.problems import problem_of, problem_of_status

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, JubakoError)]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_has_an_answer_and_only_4xx_are_told_in_full(kind):
    problem = problem_of(kind("the secret"))
    document = json.loads(problem.encode("id-1"))
    assert document["status"] == problem.status == kind.error_code
    assert document["type"].startswith("urn:jubako:problem:")
    assert document["request_id"] == "id-1"
    assert document["instance"] == "urn:jubako:request:id-1"
    assert ("the secret" in document["detail"]) is (kind.error_code < 500)


def test_bad_input_names_field_and_expectation():
    document = json.loads(problem_of(BadInput("3 is no row", field="$[3]", expected="4 numbers")).encode("x"))
    assert (document["field"], document["expected"]) == ("$[3]", "4 numbers")
    assert document["detail"] == "3 is no row\nExpected 4 numbers."


@pytest.mark.parametrize("kind", [errors.NotFound, errors.AlreadyExists, errors.InvalidArgument])
def test_where_the_service_keeps_its_things_is_not_told(kind):
    problem = problem_of(kind("there is no model iris:9.", why="It is not in /srv/models.", do="see /srv/models"))
    assert problem.detail == "there is no model iris:9."


def test_a_users_own_error_that_is_made_in_its_own_way_is_told():
    class OutOfStock(JubakoError):
        error_code = 409

        def __init__(self, thing: str) -> None:
            Exception.__init__(self, f"no {thing} left")

    assert problem_of(OutOfStock("tea")).detail == "no tea left"


def test_what_a_users_error_keeps_under_our_names_is_told_as_text():
    class Refused(JubakoError):
        error_code = 422

        def __init__(self) -> None:
            self.message = {"reason": "too small"}

    class Wrong(BadInput):
        def __init__(self) -> None:
            Exception.__init__(self, "wrong")

    assert json.loads(problem_of(Refused()).encode("x"))["detail"] == "{'reason': 'too small'}"
    assert json.loads(problem_of(Wrong()).encode("x"))["detail"] == "wrong"
    document = json.loads(problem_of(BadInput("wrong", field=3, expected=("a", "b"))).encode("x"))
    assert (document["field"], document["expected"]) == ("3", "('a', 'b')")


class HasNoText(JubakoError):
    error_code = 418

    def __init__(self) -> None:
        self.message = ""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class HasNoCode(JubakoError):
    @property
    def error_code(self) -> int:
        raise RuntimeError("no code")


class HasNoSlug(JubakoError):
    error_code = 418
    problem_slug = "teapot"


@pytest.mark.parametrize(
    ("kind", "status", "slug", "detail"),
    [
        (HasNoText, 418, "has-no-text", "I'm a Teapot."),
        (HasNoCode, 500, "internal-server-error", "The service failed"),
        (HasNoSlug, 500, "internal-server-error", "The service failed"),
    ],
)
def test_an_error_that_cannot_say_what_it_is_is_answered_all_the_same(kind, status, slug, detail, caplog):
    document = json.loads(problem_of(kind()).encode("x"))
    assert (document["status"], document["type"]) == (status, f"urn:jubako:problem:{slug}")
    assert document["detail"].startswith(detail)
    assert ("class HasNoSlug cannot say what it is" in caplog.text) is (kind is HasNoSlug)


@pytest.mark.parametrize(("seconds", "header"), [(0.01, b"1"), (2.2, b"3"), (float("inf"), b"1"), (float("nan"), b"1")])
def test_retry_after_is_whole_seconds_and_at_least_one(seconds, header):
    assert problem_of(TooManyRequests("full", retry_after_s=seconds)).headers == ((b"retry-after", header),)


def test_a_late_answer_says_so_without_internals():
    assert (
        problem_of(DeadlineExceeded("runner x needs 3 s")).detail == "The answer was not ready within the time allowed."
    )


def test_a_long_message_with_lone_surrogates_is_cut_and_encodable():
    document = json.loads(problem_of(BadInput("\ud800" + "x" * 100_000)).encode("x"))
    assert len(document["detail"]) == 2000


def test_a_users_own_code_keeps_its_message():
    class Teapot(JubakoError):
        error_code = 499

    problem = problem_of(Teapot())
    assert (problem.status, problem.slug, problem.detail) == (499, "teapot", "Status 499.")


def test_a_status_without_an_error_class_is_named_by_its_phrase():
    assert problem_of_status(418).slug == "im-a-teapot"
