"""The names of the reference's exceptions, their statuses, and users' own."""

from __future__ import annotations

import pickle
from http import HTTPStatus

import pytest

from jubako import exceptions
from jubako.server.problems import problem_of

REFERENCE = {
    "BentoMLException": 500,
    "InvalidArgument": 400,
    "BadInput": 400,
    "NotFound": 404,
    "TooManyRequests": 429,
    "RemoteException": 500,
    "InternalServerError": 500,
    "APIDeprecated": 500,
    "BentoMLConfigException": 500,
    "MissingDependencyException": 500,
    "CLIException": 500,
}


@pytest.mark.parametrize("name", REFERENCE)
def test_every_exception_of_the_reference_is_there_with_its_status(name):
    kind = getattr(exceptions, name)
    assert issubclass(kind, exceptions.BentoMLException)
    assert kind.error_code == REFERENCE[name]
    error = kind("what happened")
    assert str(error) == "what happened"
    assert problem_of(error).status == REFERENCE[name]


def test_bad_input_is_an_invalid_argument():
    assert issubclass(exceptions.BadInput, exceptions.InvalidArgument)


def test_a_remote_exception_carries_a_payload():
    error = exceptions.RemoteException("failed", {"a": 1})
    assert (str(error), error.payload) == ("failed", {"a": 1})
    assert pickle.loads(pickle.dumps(error)).payload == {"a": 1}


@pytest.mark.parametrize("status", [402, 409, 418, HTTPStatus.UNPROCESSABLE_ENTITY, 401, 403, 507])
def test_a_subclass_of_the_users_chooses_its_status(status):
    class OutOfStock(exceptions.BentoMLException):
        error_code = status

    problem = problem_of(OutOfStock("no irises left"))
    assert problem.status == status
    if status < 500:
        assert problem.slug == "out-of-stock"
        assert problem.detail == "no irises left"
    assert b'"status":%d' % status in problem.encode("id")


def test_a_subclass_with_an_init_of_its_own_is_answered_too():
    class Odd(exceptions.BentoMLException):
        error_code = 409

        def __init__(self, flower):
            self.flower = flower

    assert problem_of(Odd("iris")).status == 409


@pytest.mark.parametrize("status", [200, 302, 99, 600])
def test_a_status_that_is_no_error_is_answered_as_500(status):
    class Wrong(exceptions.BentoMLException):
        error_code = status

    assert problem_of(Wrong("no")).status == 500
