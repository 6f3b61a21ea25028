"""What an API's function sees of its request, and sets of its answer."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from hypothesis import given
from hypothesis import strategies as st

import jubako
from jubako.errors import InternalServerError
from jubako.services.context import Context, Request, Response


def read(headers=(), query=b""):
    return Request.read(
        method="POST",
        path="/a b",
        raw_headers=list(headers),
        query_string=query,
        path_params={"id": 7},
        request_id="abc",
        client="127.0.0.1",
    )


def set_cookies(response):
    return [value.decode() for name, value in response.send()[1] if name == b"set-cookie"]


def test_the_context_is_public():
    assert jubako.Context is Context


def test_headers_are_found_in_any_case_and_all_of_one_name_can_be_had():
    headers = read([(b"x-one", b"1"), (b"accept", b"a"), (b"x-one", b"2"), (b"x-latin", b"\xe4")]).headers
    assert headers["X-One"] == headers.get("x-ONE") == "1"
    assert headers.getlist("X-One") == ["1", "2"]
    assert headers["x-latin"] == "ä"
    assert "Accept" in headers
    assert headers.getlist("nothing") == []
    assert headers.get("nothing") is None
    assert list(headers) == ["x-one", "accept", "x-latin"]
    with pytest.raises(KeyError):
        headers["nothing"]


def test_the_query_is_decoded_and_empty_values_are_kept():
    query = read(query=b"a=1&b=x+y%21&a=2&c=&d&A=3&e=%ff").query
    assert query["a"] == "1"
    assert query.getlist("a") == ["1", "2"]
    assert dict(query) == {"a": "1", "b": "x y!", "c": "", "d": "", "A": "3", "e": "\ufffd"}


@given(st.binary(max_size=50))
def test_every_query_can_be_read(raw):
    assert len(read(query=raw).query) <= raw.count(b"&") + 1


def test_a_request_cannot_be_changed():
    request = read()
    assert (request.method, request.path, request.path_params, request.id) == ("POST", "/a b", {"id": 7}, "abc")
    for name in ("path", "headers", "id"):
        with pytest.raises(AttributeError):
            setattr(request, name, "x")


def test_a_response_is_200_without_headers_unless_they_are_set():
    assert Response().send() == (200, [])


@pytest.mark.parametrize("status", [200, 201, 204, 302, 404, 599])
def test_a_status_is_sent_as_it_is_set(status):
    response = Response()
    response.status = status
    assert response.send()[0] == response.status == status


@pytest.mark.parametrize("status", [0, 100, 101, 199, 600, "200", 200.0, True, None])
def test_what_is_no_status_of_an_answer_is_refused(status):
    with pytest.raises(InternalServerError, match=r"is no status of an answer[\s\S]*Do: set one of 200 to 599"):
        Response().status = status


def test_headers_are_set_once_whatever_their_case():
    headers = Response().headers
    headers["X-One"] = "1"
    headers["x-one"] = "2"
    headers["gone"] = "3"
    del headers["GONE"]
    assert dict(headers) == {"x-one": "2"}
    assert headers["X-ONE"] == "2"


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b=1", "a\nb", "a\rb", "a\x00b", "\u2028", 7, None, b"bytes"])
def test_a_header_cannot_split_the_answer(value):
    response = Response()
    with pytest.raises(InternalServerError, match="'x-note' that HTTP forbids"):
        response.headers["x-note"] = value
    assert response.send() == (200, [])


@pytest.mark.parametrize(
    "name", ["", "a b", "a:b", "a\nb", "ä", "Content-Length", "content-type", "transfer-encoding", "X-Request-Id", 7]
)
def test_a_header_that_is_none_or_the_servers_own_is_refused(name):
    with pytest.raises(InternalServerError, match="HTTP forbids, or leaves to the server"):
        Response().headers[name] = "x"


def test_a_cookie_has_the_attributes_it_is_given():
    response = Response()
    response.set_cookie(
        "id", "1", max_age=60, path="/v1", domain="example.org", secure=True, httponly=True, samesite="none"
    )
    (text,) = set_cookies(response)
    assert text.startswith("id=1; ")
    assert set(text.split("; ")[1:]) == {
        "Max-Age=60",
        "Path=/v1",
        "Domain=example.org",
        "Secure",
        "HttpOnly",
        "SameSite=None",
    }


def test_a_cookie_is_set_once_for_each_path_and_can_be_deleted():
    response = Response()
    response.set_cookie("id", "1")
    response.set_cookie("id", "2")
    response.set_cookie("id", "3", path="/v1")
    response.delete_cookie("other", path="/v2")
    assert set_cookies(response) == [
        "id=2; Path=/; SameSite=Lax",
        "id=3; Path=/v1; SameSite=Lax",
        'other=""; Max-Age=0; Path=/v2; SameSite=Lax',
    ]


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30))
def test_every_ascii_value_comes_back_from_a_cookie(value):
    response = Response()
    response.set_cookie("id", value, samesite=None)
    (text,) = set_cookies(response)
    jar = SimpleCookie(text)
    assert jar["id"].value == value
    assert jar["id"]["path"] == "/"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": ""}, "cannot be set"),
        ({"name": "a b"}, "cannot be set"),
        ({"name": "a=b"}, "cannot be set"),
        ({"name": "a\r\nb"}, "cannot be set"),
        ({"name": 7}, "cannot be set"),
        ({"value": "ä"}, "urllib.parse.quote"),
        ({"value": "\u2028"}, "urllib.parse.quote"),
        ({"value": "a\r\nset-cookie: b=1"}, "urllib.parse.quote"),
        ({"value": 7}, "no text of printable ASCII"),
        ({"path": "/; HttpOnly"}, "without ';'"),
        ({"path": "/\r\nx: y"}, "without ';'"),
        ({"domain": "a;b"}, "without ';'"),
        ({"max_age": "1; Secure"}, "whole seconds"),
        ({"max_age": 1.5}, "whole seconds"),
        ({"samesite": "some"}, "'strict', 'lax', 'none'"),
        ({"samesite": "none"}, "secure=True"),
    ],
)
def test_a_cookie_that_cannot_be_said_is_refused(arguments, words):
    response = Response()
    with pytest.raises(InternalServerError) as caught:
        response.set_cookie(**{"name": "id", "value": "1", **arguments})
    assert words in str(caught.value)
    assert "Do: " in str(caught.value)
    assert response.send() == (200, [])


def test_nothing_can_be_set_once_the_answer_has_begun():
    response = Response()
    response.headers["x"] = "1"
    response.send()

    def change_status():
        response.status = 201

    changes = [
        change_status,
        lambda: response.headers.update(y="1"),
        lambda: response.headers.pop("x"),
        lambda: response.set_cookie("a"),
        lambda: response.delete_cookie("a"),
    ]
    for change in changes:
        with pytest.raises(InternalServerError, match="before the first yield"):
            change()
