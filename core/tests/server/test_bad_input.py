"""What each descriptor refuses over HTTP, and with which status: 400 or 415, never 500."""

from __future__ import annotations

import httpx
import pytest

pytest.importorskip("pandas")
pytest.importorskip("PIL")

from jubako import io
from jubako.server import make_application
from jubako.services import Service

JSON = "application/json"
FORM = "multipart/form-data; boundary=b"
EMPTY_FORM = b"--b--\r\n"
ONE_PART = b'--b\r\ncontent-disposition: form-data; name="text"\r\n\r\nhello\r\n--b--\r\n'

INPUTS = {
    "array": io.NumpyNdarray(),
    "pair": io.NumpyNdarray(shape=(2,), enforce_shape=True, dtype="int8", enforce_dtype=True),
    "json": io.JSON(),
    "frame": io.PandasDataFrame(),
    "columns": io.PandasDataFrame(columns=["a", "b"], apply_column_names=True, shape=(-1, 2), enforce_shape=True),
    "series": io.PandasSeries(),
    "text": io.Text(),
    "image": io.Image(),
    "file": io.File(),
    "pdf": io.File(mime_type="application/pdf"),
    "form": io.Multipart(text=io.Text(), number=io.JSON()),
}


@pytest.fixture
async def client(make_workspace):
    """A client of a service with an API for each input, which answers how its argument reads."""
    svc = Service("inputs")
    for name, descriptor in INPUTS.items():
        function = (lambda text, number: repr(text)) if name == "form" else (lambda value: repr(type(value)))
        svc.api(input=descriptor, output=io.Text(), name=name)(function)
    application = make_application(svc, workspace=make_workspace())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://localhost") as client:
        yield client
    await application.stop()


@pytest.mark.parametrize(
    ("api", "body", "content_type", "status"),
    [
        ("array", b"", JSON, 400),
        ("array", b"[1,", JSON, 400),
        ("array", b"[[1],[1,2]]", JSON, 400),
        ("array", b'{"a":1}', JSON, 400),
        ("array", b"[1]", "text/plain", 415),
        ("array", b"[1]", "", 200),
        ("pair", b"[1,2,3]", JSON, 400),
        ("pair", b"[1,1000]", JSON, 400),
        ("json", b"", JSON, 400),
        ("json", b"{", JSON, 400),
        ("json", b"NaN", JSON, 400),
        ("json", b"{}", "text/plain", 415),
        ("json", b"{}", "", 200),
        ("frame", b"zzz", JSON, 400),
        ("frame", b"zzz", "application/octet-stream", 400),
        ("frame", b"a,a\n1,2\n", "text/csv", 400),
        ("frame", b"[]", "image/png", 415),
        ("columns", b'[{"a":1}]', JSON, 400),
        ("columns", b'[{"a":1,"b":2,"c":3}]', JSON, 400),
        ("series", b'{"a":1}', JSON, 400),
        ("series", b"[1,2]", JSON, 200),
        ("series", b'[{"a":1},{"a":2}]', JSON, 200),
        ("series", b"1\n2\n", "text/csv", 415),
        ("text", b"\xff", "text/plain", 400),
        ("text", b"hello", JSON, 415),
        ("image", b"no image", "image/png", 400),
        ("image", b"no image", "", 400),
        ("image", b"no image", "text/plain", 415),
        ("image", EMPTY_FORM, FORM, 400),
        ("file", b"any", "application/octet-stream", 200),
        ("file", b"any", "application/x-any", 200),
        ("file", b"any", "", 200),
        ("file", EMPTY_FORM, FORM, 400),
        ("pdf", b"any", "application/pdf", 200),
        ("pdf", b"any", "application/octet-stream", 200),
        ("pdf", b"any", "image/png", 415),
        ("form", ONE_PART, FORM, 400),
        ("form", b"no form", FORM, 400),
        ("form", b"{}", JSON, 415),
    ],
)
async def test_malformed_input_is_the_clients_fault(client, api, body, content_type, status):
    answer = await client.post(f"/{api}", content=body, headers={"content-type": content_type} if content_type else {})
    assert answer.status_code == status, answer.text
    if status != 200:
        problem = answer.json()
        assert problem["type"].endswith("unsupported-media-type" if status == 415 else "bad-input")
        assert problem["detail"]
        assert problem["expected"]
        assert " object at 0x" not in answer.text
