"""What a Service takes beside APIs, and how it refuses the rest."""

from __future__ import annotations

import pytest

from jubako.errors import InvalidArgument
from jubako.services import Service
from jubako.services.mounting import WsgiApp


async def app(scope, receive, send):
    """An ASGI application that answers nothing."""


class Middleware:
    """Takes options, and lets everything pass."""

    def __init__(self, app, **options):
        self.app = app


def test_mounts_are_kept_as_application_path_and_name():
    svc = Service("toy")
    svc.mount_asgi_app(app)
    svc.mount_asgi_app(app, "tools/", name="the tools")
    svc.mount_wsgi_app(app, path="/old/wsgi")
    assert svc.mount_apps == [(app, "/", None), (app, "/tools", "the tools"), (WsgiApp(app), "/old/wsgi", None)]
    assert [mount.label for mount in svc.mount_apps] == ["mount", "the tools", "old/wsgi"]


def test_middleware_is_kept_with_its_options():
    svc = Service("toy")
    svc.add_asgi_middleware(Middleware, name="a", size=1)
    svc.add_asgi_middleware(Middleware)
    assert svc.middlewares == [(Middleware, {"name": "a", "size": 1}), (Middleware, {})]


def test_services_do_not_share_what_is_added_to_them():
    svc, other = Service("toy"), Service("toy")
    svc.mount_asgi_app(app)
    svc.add_asgi_middleware(Middleware)
    svc.on_startup(lambda: None)
    svc.on_shutdown(lambda: None)
    assert (other.mount_apps, other.middlewares, other.startup_functions, other.shutdown_functions) == ([], [], [], [])


@pytest.mark.parametrize("path", ["a b", "/a?b", "/a#b", "a//b", "/a/../b", "/./a", "/{x}", "/%61", "//a", 5, None])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(InvalidArgument, match=r"mounted by Service 'toy' (cannot have|has no) .*path"):
        Service("toy").mount_asgi_app(app, path)


@pytest.mark.parametrize("path", ["/metrics", "readyz", "/docs.json", "/livez/"])
def test_a_path_of_the_server_is_refused(path):
    with pytest.raises(InvalidArgument, match="The server answers there itself"):
        Service("toy").mount_asgi_app(app, path)


def test_two_applications_at_one_path_are_refused():
    svc = Service("toy")
    svc.mount_asgi_app(app, "/tools")
    with pytest.raises(InvalidArgument, match="has an application mounted at '/tools' already"):
        svc.mount_wsgi_app(app, "tools/")


@pytest.mark.parametrize("method", ["mount_asgi_app", "mount_wsgi_app", "add_asgi_middleware"])
def test_what_cannot_be_called_is_refused(method):
    with pytest.raises(InvalidArgument, match=r"Service 'toy' cannot (mount|add)"):
        getattr(Service("toy"), method)("service:app")


@pytest.mark.parametrize("name", ["", " ", 5])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(InvalidArgument, match="cannot be named"):
        Service("toy").mount_asgi_app(app, "/x", name)


def needs_an_argument(connection):
    """Cannot be called when an application starts."""


def generates():
    yield


HOOKS = [
    (None, "was given None, which cannot be called"),
    (needs_an_argument, "cannot be called without arguments"),
    (generates, "is a generator"),
]


@pytest.mark.parametrize("when", ["on_startup", "on_shutdown"])
@pytest.mark.parametrize(("function", "words"), HOOKS)
def test_a_function_that_cannot_be_called_at_the_start_is_refused(when, function, words):
    svc = Service("toy")
    with pytest.raises(InvalidArgument, match=words) as caught:
        getattr(svc, when)(function)
    assert when in str(caught.value)
    assert svc.startup_functions == svc.shutdown_functions == []
