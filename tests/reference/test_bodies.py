"""Every descriptor: frames in four formats, images, multipart forms, files, and JSON of a pydantic model."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import PIL.Image
import pytest

PROGRAM = "bodies"
FRAME = pd.DataFrame({"a": [1.0, 2.0], "b": [10.0, 20.0]})


def as_arrow(frame: pd.DataFrame) -> bytes:
    import pyarrow as pa

    table, sink = pa.Table.from_pandas(frame, preserve_index=False), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


FORMATS = {
    "application/json": FRAME.to_json(orient="records").encode(),
    "text/csv": FRAME.to_csv(index=False).encode(),
    "application/octet-stream": FRAME.to_parquet(),
    "application/vnd.apache.arrow.stream": as_arrow(FRAME),
}


def picture(size=(3, 2), kind="PNG") -> bytes:
    image = PIL.Image.new("RGB", size, (200, 0, 0))
    image.putpixel((0, 0), (0, 0, 200))
    content = io.BytesIO()
    image.save(content, kind)
    return content.getvalue()


@pytest.mark.parametrize("media_type", FORMATS)
def test_a_frame_is_taken_in_four_formats(client, media_type):
    answer = client.post("/sum_rows", content=FORMATS[media_type], headers={"content-type": media_type})
    assert (answer.status_code, answer.json()) == (200, [11.0, 22.0])


def test_a_frame_comes_back_in_its_orient(client):
    answer = client.post(
        "/with_sum", content=FRAME.to_json(orient="split"), headers={"content-type": "application/json"}
    )
    back = pd.read_json(io.StringIO(answer.text), orient="split")
    np.testing.assert_array_equal(back["sum"], [11.0, 22.0])


def test_an_image_is_turned_by_a_runner(client):
    answer = client.post("/turned", content=picture(), headers={"content-type": "image/png"})
    assert answer.headers["content-type"] == "image/png"
    image = PIL.Image.open(io.BytesIO(answer.content))
    assert image.size == (2, 3)
    assert image.getpixel((0, 2)) == (0, 0, 200)


def test_an_image_may_come_as_the_field_of_a_form(client):
    answer = client.post("/turned", files={"image": ("a.png", picture(), "image/png")})
    assert PIL.Image.open(io.BytesIO(answer.content)).size == (2, 3)


def test_the_parts_of_a_form_are_keyword_arguments(client):
    files = {
        "image": ("a.png", picture(), "image/png"),
        "annotations": (None, '{"label": "red"}', "application/json"),
    }
    assert client.post("/described", files=files).json() == {"size": [3, 2], "label": "red"}
    files = {"first": (None, "[1, 2]", "application/json"), "second": (None, "[10, 20]", "application/json")}
    assert client.post("/added", files=files).json() == [11, 22]


def test_an_answer_of_several_parts(client):
    answer = client.post("/in_parts", content=picture(), headers={"content-type": "image/png"})
    assert answer.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="size"' in answer.content
    assert b"3x2" in answer.content
    assert b"\x89PNG" in answer.content


def test_a_file_goes_in_and_out(client):
    answer = client.post("/reversed_file", content=b"abc", headers={"content-type": "application/octet-stream"})
    assert (answer.content, answer.headers["content-type"].partition(";")[0]) == (b"cba", "text/plain")
    assert client.post("/reversed_file", files={"f": ("a.bin", b"abc")}).content == b"cba"


def test_json_of_a_model_is_checked(client):
    assert client.post("/order", json={"article": "pen"}).json() == {"article": "pen", "count": 1}
    answer = client.post("/order", json={"article": "pen", "count": "many"})
    assert answer.status_code == 400
    assert "count" in answer.text
