"""The errors by the names that programs written to the reference use."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from jubako import exceptions
from jubako.server.problems import problem_of

STATUS = {
    "BentoMLException": 500,
    "InvalidArgument": 400,
    "BadInput": 400,
    "NotFound": 404,
    "TooManyRequests": 429,
    "RemoteException": 500,
    "InternalServerError": 500,
    "BentoMLConfigException": 500,
    "MissingDependencyException": 500,
    "CLIException": 500,
}


@pytest.mark.parametrize("name", STATUS)
def test_the_names_of_the_reference_are_errors_with_its_status(name):
    kind = getattr(exceptions, name)
    assert kind.error_code == STATUS[name]
    with pytest.raises(exceptions.BentoMLException, match="what went wrong"):
        raise kind("what went wrong")


def test_bad_input_is_a_wrong_argument_and_that_is_a_value_error():
    assert issubclass(exceptions.BadInput, exceptions.InvalidArgument)
    assert issubclass(exceptions.InvalidArgument, ValueError)


def test_a_subclass_may_give_its_status_by_name():
    class OutOfStock(exceptions.BentoMLException):
        error_code = HTTPStatus.CONFLICT

    problem = problem_of(OutOfStock("no tea left"))
    assert (problem.status, problem.detail) == (409, "no tea left")
    assert b'"status":409' in problem.encode("id-1").replace(b" ", b"")
