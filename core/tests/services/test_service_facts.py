"""What a Service tells of itself: one that was only made, and one that was loaded."""

from __future__ import annotations

import pytest

import jubako.bentos
from jubako.exceptions import BentoMLException
from jubako.io import JSON
from jubako.runners import SimpleRunner
from jubako.services import Service, load


@pytest.fixture
def made():
    """A Service that no file or Bento holds."""
    service = Service("toy")

    @service.api(input=JSON(), output=JSON(), route="v1/say")
    def say(value):
        """Say it again.

        At length.
        """
        return value

    return service


async def application(scope, receive, send):
    """An ASGI application."""


def middleware(app, level):
    return app


def test_a_service_that_was_only_made_is_from_nowhere(made):
    assert (made.tag, made.version, made.bento) == (None, None, None)
    assert (made.import_string, made.working_dir) == (None, None)
    assert made.openapi_doc()["info"]["version"] == "0.0.0"


def test_a_service_that_was_only_made_lists_its_apis(made):
    assert made.doc == "# toy\n\n- `POST /v1/say`: Say it again.\n"


def test_what_was_mounted_and_added_is_listed(made):
    assert (made.mount_apps, made.middlewares) == ([], [])
    made.mount_asgi_app(application, path="/tool", name="tool")
    made.mount_asgi_app(application, path="other")
    made.add_asgi_middleware(middleware, level=9)
    assert made.mount_apps == [(application, "/tool", "tool"), (application, "/other", None)]
    assert made.middlewares == [(middleware, {"level": 9})]


def test_two_runners_of_one_name_are_a_value_error_and_an_error_of_jubako():
    class Echo(SimpleRunner):
        def _setup(self):
            pass

        def _run(self, value):
            return value

    for kind in (ValueError, BentoMLException):
        with pytest.raises(kind, match="two runners named 'one'"):
            Service("toy", runners=[Echo("one"), Echo("one")])


@pytest.mark.usefixtures("workspace")
def test_a_loaded_service_reads_as_where_it_is_from(project, write_service):
    write_service(project / "service.py")
    bento = jubako.bentos.build("service:svc", version="v1")
    for service, text in (
        (load("service.py:svc"), "jubako.Service(name='toy', import_string='service:svc')"),
        (load(bento.tag), "jubako.Service(tag='toy:v1')"),
    ):
        assert repr(service) == str(service) == text
