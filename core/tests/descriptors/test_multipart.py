from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako.descriptors._multipart import disposition_of, read_parts, safe_name
from jubako.errors import BadInput, InvalidArgument, PayloadTooLarge, UnsupportedMediaType
from jubako.io import JSON, File, FileLike, Multipart, NumpyNdarray, Text

FORM = "multipart/form-data; boundary=b"


def part(name, body, *headers, filename=None):
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    lines = ["--b", disposition, *headers, "", ""]
    return "\r\n".join(lines).encode() + body + b"\r\n"


def form(*parts):
    return b"".join(parts) + b"--b--\r\n"


@pytest.fixture
def descriptor():
    return Multipart(meta=JSON(), data=File())


def test_each_part_is_read_by_its_own_descriptor_and_content_type():
    descriptor = Multipart(meta=JSON(), rows=NumpyNdarray(), note=Text(), data=File(python_type=bytes))
    body = form(
        part("note", "Ä".encode(), "Content-Type: text/plain; charset=utf-8"),
        part("meta", b'{"a": 1}', "Content-Type: application/json"),
        part("rows", b"[[1, 2]]"),
        part("data", b"\r\n\x00--b", filename="x"),
        part("more", b"is passed over"),
    )
    found = descriptor.decode(body, FORM)
    assert (found["meta"], found["note"], found["data"]) == ({"a": 1}, "Ä", b"\r\n\x00--b")
    assert found["rows"].tolist() == [[1, 2]]
    assert list(found) == ["meta", "rows", "note", "data"]
    assert descriptor.passes_keywords


def test_a_missing_part_is_named(descriptor):
    with pytest.raises(BadInput, match="part 'data' is missing") as caught:
        descriptor.decode(form(part("meta", b"1")), FORM)
    assert caught.value.field == "data"
    assert "meta, data" in caught.value.expected


def test_a_part_that_stands_twice_is_refused(descriptor):
    with pytest.raises(BadInput, match="stands twice") as caught:
        descriptor.decode(form(part("meta", b"1"), part("meta", b"2"), part("data", b"")), FORM)
    assert caught.value.field == "meta"


def test_a_wrong_part_is_named_with_the_place_in_it():
    descriptor = Multipart(meta=JSON(model=dict[str, int]), note=Text())
    with pytest.raises(BadInput) as caught:
        descriptor.decode(form(part("meta", b'{"a": "x"}'), part("note", b"")), FORM)
    assert caught.value.field == "meta.a"
    with pytest.raises(BadInput) as caught:
        descriptor.decode(form(part("meta", b"{"), part("note", b"")), FORM)
    assert caught.value.field == "meta, line 1, column 2"
    with pytest.raises(UnsupportedMediaType, match="part 'meta'") as caught:
        descriptor.decode(form(part("meta", b"{}", "Content-Type: text/csv"), part("note", b"")), FORM)
    assert caught.value.error_code == 415


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "multipart/mixed; boundary=b", "multipart/form-dataX"]
)
def test_another_content_type_is_refused(descriptor, content_type):
    with pytest.raises(UnsupportedMediaType, match="multipart/form-data"):
        descriptor.decode(form(part("meta", b"1")), content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "b" * 71,
        "multipart/form-data; boundary=" + "-" * 15_000,
        'multipart/form-data; boundary="b\\\\"',
    ],
)
def test_a_boundary_that_is_none_is_refused(descriptor, content_type):
    with pytest.raises(BadInput, match="boundary"):
        descriptor.decode(form(part("meta", b"1")), content_type)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b",
        b"--b\r\n",
        b"--c\r\n\r\n--c--",
        part("meta", b"1"),
        part("meta", b"1")[:-4],
        b"--b\r\nContent-Type: text/plain\r\n\r\n1\r\n--b--",
        b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--",
        b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n1\r\n--b--',
    ],
)
def test_what_is_no_form_is_refused(descriptor, body):
    with pytest.raises(BadInput) as caught:
        descriptor.decode(body, FORM)
    assert caught.value.error_code == 400


@pytest.mark.parametrize(
    "body",
    [
        form(*(part(f"p{number}", b"") for number in range(50_000))),
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n' + b"X: y\r\n" * 2_000_000,
        b"--b\r\nContent-Disposition: form-data; name=" + b"a" * 8_000_000,
        b"-" * 8_000_000,
        b"\r\n" * 4_000_000,
        form(part("meta", b"1")) + b"\r\n" * 4_000_000,
        b"--b\r\nX: " + b"\\" * 8_000_000,
    ],
    ids=["parts", "headers", "header", "dashes", "lines", "epilogue", "backslashes"],
)
def test_a_flood_is_cut_off_by_the_limits(descriptor, body):
    calls = 0

    def count(_frame, _event, _argument):
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        with pytest.raises(PayloadTooLarge) as caught:
            descriptor.decode(body, FORM)
    finally:
        sys.setprofile(None)
    assert "1000 parts" in caught.value.expected
    # Of what is sent no more is looked at than the limits say: 200 calls for each part, and none for each byte.
    assert calls < 500_000


@pytest.mark.parametrize("parameters", [";a" * 500_000, "; name=" + '"' * 500_000, ";" * 1_000_000], ids="abc")
def test_the_parameters_of_one_header_take_no_time(descriptor, parameters):
    head = parameters[:12_000].encode()
    body = form(b"--b\r\nContent-Disposition: form-data" + head + b"\r\n\r\n1\r\n")
    with pytest.raises(BadInput):
        descriptor.decode(body, FORM)


def test_a_part_may_be_as_long_as_the_body_and_hold_line_breaks_only():
    body = b"\r\n" * 1_000_000 + b"\r\n--" + b"\n\r" * 1_000_000
    assert Multipart(data=File(python_type=bytes)).decode(form(part("data", body)), FORM) == {"data": body}


def test_the_number_of_parts_can_be_chosen():
    body = form(part("meta", b"1"), part("a", b""), part("b", b""))
    assert Multipart(3, meta=JSON()).decode(body, FORM) == {"meta": 1}
    with pytest.raises(PayloadTooLarge, match="at most 2 parts"):
        Multipart(2, meta=JSON()).decode(body, FORM)


@given(
    values=st.fixed_dictionaries({"a": st.binary(), "b": st.text(st.characters(codec="utf-8")), "c": st.integers(0, 9)})
)
def test_what_is_written_comes_back(values):
    descriptor = Multipart(a=File(python_type=bytes), b=Text(), c=JSON())
    encoded = descriptor.encode(values)
    assert descriptor.decode(encoded.body, encoded.content_type) == values


_PIECES = [b"--b", b"\r\n", b"--", b"\n", b"name", b'Content-Disposition: form-data; name="meta"', b"1"]


@given(body=st.binary() | st.lists(st.sampled_from(_PIECES)).map(b"".join))
def test_any_body_is_a_form_or_refused(body):
    try:
        found = Multipart(meta=JSON()).decode(body, FORM)
    except BadInput:
        return
    assert list(found) == ["meta"]


def test_file_names_are_written_and_read():
    descriptor = Multipart(data=File())
    encoded = descriptor.encode({"data": FileLike(b"1", name='../a"b\r\nX: y/Ä.txt')})
    assert b"\r\nX: y" not in encoded.body
    found = descriptor.decode(encoded.body, encoded.content_type)["data"]
    assert (found.name, found.read()) == ("Ä.txt", b"1")


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\folder\\a.txt", "a.txt"),
        ("a\x00b\r\n.txt", "ab.txt"),
        ("..", ""),
        ("/", ""),
        ("", ""),
        (" a ", "a"),
        ("x" * 300, "x" * 255),
        ("a\u202etxt.exe", "atxt.exe"),
    ],
)
def test_a_name_of_a_file_is_cut_to_text_that_can_be_shown(given_name, expected):
    assert safe_name(given_name) == expected


@given(name=st.text())
def test_a_disposition_is_one_header_whatever_the_name_is(name):
    value = disposition_of(name)
    assert value.isascii()
    assert value.isprintable()
    assert value.count('"') == 2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Multipart(), "no parts"),
        (lambda: Multipart(a=Multipart(b=JSON())), "is a Multipart"),
        (lambda: Multipart(a=JSON), "no descriptor"),
        (lambda: Multipart(**{"a b": JSON()}), "cannot be named"),
        (lambda: Multipart(1, a=JSON(), b=JSON()), "max_parts"),
    ],
)
def test_wrong_arguments_are_named(make, words):
    with pytest.raises(InvalidArgument, match=words):
        make()


def test_results_must_have_every_part():
    with pytest.raises(InvalidArgument, match="meta, data"):
        Multipart(meta=JSON(), data=File()).encode({"meta": 1})
    with pytest.raises(InvalidArgument, match="part 'note'"):
        Multipart(note=Text()).encode({"note": 1})
    with pytest.raises(InvalidArgument, match="yield"):
        Multipart(note=Text()).encode_item({"note": "a"})


def test_the_schema_has_a_property_for_each_part_and_its_content_types():
    content = Multipart(meta=JSON(model=int), data=File("text/csv")).openapi_request_content()["multipart/form-data"]
    assert content["schema"] == {
        "type": "object",
        "properties": {"meta": {"type": "integer"}, "data": {"type": "string", "format": "binary"}},
        "required": ["meta", "data"],
    }
    assert content["encoding"] == {
        "meta": {"contentType": "application/json"},
        "data": {"contentType": "text/csv, application/octet-stream"},
    }


def test_parts_keep_their_order_and_their_headers():
    parts = read_parts(form(part("b", b"1", "content-type: a/b"), part("a", b"2", filename="x/y")), FORM)
    assert [(each.name, each.content_type, each.filename) for each in parts] == [("b", "a/b", ""), ("a", "", "y")]
