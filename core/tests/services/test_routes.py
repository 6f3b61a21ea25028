"""Routes: fixed paths, templates, and which of them can stand beside each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.errors import InvalidArgument
from jubako.io import JSON
from jubako.services import Service
from jubako.services.routes import PathParameter, RoutePath, RouteTable


def route(text):
    return RoutePath.parse(text, "API 'x'")


def match(text, path):
    table = RouteTable([(route(text), "here")])
    found = table.find_template(path)
    return None if found is None else dict(found[1])


@pytest.mark.parametrize("text", ["v1/items/{item_id}", "/v1/items/{item_id}"])
def test_a_route_is_the_same_with_and_without_a_leading_slash(text):
    assert route(text) == RoutePath("v1/items/{item_id}", ("v1", "items", PathParameter("item_id")))


@pytest.mark.parametrize(
    ("text", "path", "values"),
    [
        ("items/{id}", "/items/7", {"id": "7"}),
        ("items/{id}", "/items/ä b", {"id": "ä b"}),
        ("items/{id}", "/items/", None),
        ("items/{id}", "/items", None),
        ("items/{id}", "/items/7/", None),
        ("items/{id}", "/other/7", None),
        ("items/{id}", "//items/7", None),
        ("items/{id}", "/items/..", None),
        ("items/{id}", "/items/.", None),
        ("items/{id}/parts/{part}", "/items/7/parts/a", {"id": "7", "part": "a"}),
        ("items/{id}/parts/{part}", "/items/7/other/a", None),
        ("files/{rest:path}", "/files/a", {"rest": "a"}),
        ("files/{rest:path}", "/files/a/b/c.txt", {"rest": "a/b/c.txt"}),
        ("files/{rest:path}", "/files/a/", {"rest": "a/"}),
        ("files/{rest:path}", "/files/", None),
        ("files/{rest:path}", "/files", None),
        ("files/{rest:path}", "/files/a/../../etc/passwd", None),
        ("files/{owner}/{rest:path}", "/files/me/a/b", {"owner": "me", "rest": "a/b"}),
    ],
)
def test_a_template_fits_paths_of_its_segments_and_none_that_climb(text, path, values):
    assert match(text, path) == values


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{name}", "none of its parameters"),
        ("{rest:path}", "none of its parameters"),
        ("items/{}", "no identifier"),
        ("items/{a-b}", "no identifier"),
        ("items/{id:int}", "the function's annotation"),
        ("items/a{id}", "stands alone"),
        ("items/{id}.json", "stands alone"),
        ("items/{id}/{id}", "one name"),
        ("items/{rest:path}/x", "Nothing can follow"),
        ("metrics", "answers there itself"),
        ("static_content/{x}", "answers there itself"),
        (":items", "':'"),
    ],
)
def test_a_template_that_cannot_be_served_is_refused_with_the_reason(text, why):
    with pytest.raises(InvalidArgument, match=r"API 'x' cannot have the route") as caught:
        route(text)
    assert why in str(caught.value)
    assert "Do: give another route" in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other", "is_collision"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/{x}", False),
        ("a/{x}", "a/{y}", True),
        ("a/{x}", "a/{x}/b", False),
        ("a/{x}/b", "a/{x}/c", False),
        ("a/{x}/b", "a/c/{y}", True),
        ("a/{x}", "b/{x}", False),
        ("a/{r:path}", "a/b", False),
        ("a/{r:path}", "a/{x}", True),
        ("a/{r:path}", "a/{x}/b", True),
        ("a/b/{r:path}", "a/{x}", False),
        ("a/b/{r:path}", "a/{x}/c", True),
        ("a/b/{r:path}", "a/c/{r:path}", False),
        ("a/{r:path}", "a/b/{r:path}", True),
    ],
)
def test_two_routes_collide_when_some_path_is_that_of_both(one, other, is_collision):
    assert route(one).collides(route(other)) is route(other).collides(route(one)) is is_collision


segments = st.sampled_from(["a", "b", "{x}"])
templates = st.builds(
    lambda body, rest: "/".join(["r", *(part.replace("x", f"x{at}") for at, part in enumerate(body)), *rest]),
    st.lists(segments, max_size=3),
    st.sampled_from([[], ["{rest:path}"]]),
)
paths = st.lists(st.sampled_from(["a", "b", "c"]), max_size=5).map(lambda parts: "/".join(["", "r", *parts]))


@given(templates, templates, paths)
def test_routes_that_do_not_collide_never_fit_one_path(one, other, path):
    first, second = route(one), route(other)
    parts = path[1:].split("/")
    fits_both = first.match(parts) is not None and second.match(parts) is not None
    if fits_both and first.parameters and second.parameters:
        assert first.collides(second)


def test_a_fixed_route_goes_before_a_template():
    table = RouteTable([(route("items/{id}"), "template"), (route("items/new"), "fixed")])
    assert table.fixed == {"/items/new": "fixed"}
    assert table.find_template("/items/7") == ("template", {"id": "7"})


def test_templates_that_fit_the_same_paths_are_refused_at_definition():
    service = Service("toy")

    @service.api(input=JSON(), output=JSON(), route="items/{item_id}")
    def item(body, item_id):
        return item_id

    with pytest.raises(InvalidArgument, match=r"fit the same paths, '/items/\{item_id\}' and '/items/\{name\}'"):

        @service.api(input=JSON(), output=JSON(), route="items/{name}")
        def named(body, name):
            return name
