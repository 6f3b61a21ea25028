from __future__ import annotations

import io
from pathlib import Path

import pytest

from jubako.errors import BadInput, InvalidArgument, UnsupportedMediaType
from jubako.io import File, FileLike, Multipart

FORM = "multipart/form-data; boundary=b"
BODY = (
    b'--b\r\nContent-Disposition: form-data; name="x"; filename="../up.png"\r\n'
    b"Content-Type: image/png\r\n\r\n\x89PNG\r\n"
    b'--b\r\nContent-Disposition: form-data; name="y"\r\n\r\nsecond\r\n--b--\r\n'
)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/octet-stream", "nonsense", "image/png; a=b"])
def test_a_body_of_any_media_type_is_a_file(content_type):
    found = File().decode(b"\x00\xff", content_type)
    assert (found.read(), found.name, found.uri) == (b"\x00\xff", None, None)


def test_the_first_part_of_a_form_is_the_file_and_its_name_is_no_path():
    found = File().decode(BODY, FORM)
    assert (found.bytes_, found.name) == (b"\x89PNG", "up.png")


def test_a_form_without_parts_is_refused():
    with pytest.raises(BadInput, match="no part"):
        File().decode(b"--b--\r\n", FORM)


@pytest.mark.parametrize("content_type", ["", "IMAGE/PNG", "image/png; q=1", "application/octet-stream"])
def test_the_declared_media_type_is_taken(content_type):
    assert File("image/png").decode(b"a", content_type).read() == b"a"
    assert File("image/png").decode(BODY, FORM).read() == b"\x89PNG"


@pytest.mark.parametrize("content_type", ["image/jpeg", "text/plain", "nonsense"])
def test_another_media_type_is_refused(content_type):
    with pytest.raises(UnsupportedMediaType, match="image/png"):
        File("image/png").decode(b"a", content_type)
    with pytest.raises(UnsupportedMediaType):
        File("image/jpeg").decode(BODY, FORM)


def test_a_file_like_reads_seeks_and_closes():
    file = FileLike(b"abcdef", name="a.txt")
    assert (file.read(2), file.tell(), file.seek(-1, io.SEEK_END), file.read()) == (b"ab", 2, 5, b"f")
    assert file.stream is file.stream
    file.close()
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.read()


def test_a_file_like_of_a_uri_has_a_path_and_a_name(tmp_path):
    (tmp_path / "a b.txt").write_bytes(b"content")
    file = FileLike(uri=(tmp_path / "a b.txt").as_uri())
    assert (file.path, file.name, file.read()) == (str(tmp_path / "a b.txt"), "a b.txt", b"content")
    file.close()


@pytest.mark.parametrize(
    "arguments",
    [{}, {"bytes_": b"", "uri": "file:///a"}, {"uri": "http://a/b"}, {"uri": "file://host/a"}, {"uri": "a"}],
)
def test_a_file_like_is_either_bytes_or_a_file_of_this_machine(arguments):
    with pytest.raises(InvalidArgument):
        FileLike(**arguments)


def test_bytes_have_no_path():
    with pytest.raises(InvalidArgument, match=r"pathlib\.Path"):
        _ = FileLike(b"").path


def test_a_path_is_that_of_a_private_file_which_is_gone_when_released():
    descriptor = File(python_type=Path)
    path = descriptor.decode(BODY, FORM)
    assert (path.read_bytes(), path.name) == (b"\x89PNG", "file.png")
    assert path.parent.stat().st_mode & 0o077 == 0
    descriptor.release(path)
    assert not path.parent.exists()
    assert descriptor.is_heavy


def test_the_files_of_a_form_are_gone_when_released_or_when_another_part_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    descriptor = Multipart(x=File(python_type=Path), y=File(python_type=Path))
    found = descriptor.decode(BODY, FORM)
    assert found["y"].read_bytes() == b"second"
    descriptor.release(found)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UnsupportedMediaType):
        Multipart(y=File(python_type=Path), x=File("text/csv")).decode(BODY, FORM)
    assert not list(tmp_path.iterdir())


def test_bytes_files_and_paths_are_answered(tmp_path):
    path = tmp_path / "ä.txt"
    path.write_bytes(b"abc")
    with path.open("rb") as file:
        for value in (b"abc", bytearray(b"abc"), memoryview(b"abc"), FileLike(b"abc"), io.BytesIO(b"abc"), path, file):
            assert File().encode(value).body == b"abc"
    encoded = File("text/plain").encode(path)
    assert encoded.content_type == "text/plain"
    assert encoded.headers == {
        "content-disposition": "attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%A4.txt",
    }
    assert not File().encode(b"abc").headers


@pytest.mark.parametrize("value", ["text", None, 3, io.StringIO("a"), Path("/nonexistent")])
def test_a_result_that_is_no_file_is_the_services_fault(value):
    with pytest.raises(InvalidArgument):
        File().encode(value)


def test_pieces_of_a_file_are_streamed_as_they_are():
    assert File().encode_item(b"\x00") == b"\x00"
    assert File("text/csv").stream_media_type == "text/csv"


def test_the_media_type_of_a_sample_is_known_by_its_name():
    assert repr(File.from_sample("a.png")) == "File(mime_type='image/png')"
    assert repr(File.from_sample(Path("a"))) == "File()"
    assert repr(File.from_sample(FileLike(b"", name="a.csv"))) == "File(mime_type='text/csv')"


@pytest.mark.parametrize(("mime_type", "python_type"), [("png", bytes), (3, bytes), (None, str), ("a/b\r\nc", bytes)])
def test_wrong_arguments_are_named(mime_type, python_type):
    with pytest.raises(InvalidArgument):
        File(mime_type, python_type=python_type)


def test_annotations_choose_what_the_api_gets():
    descriptor = File.from_annotation(Path)
    path = descriptor.decode(b"", "")
    assert path.exists()
    descriptor.release(path)
    assert File.from_annotation(bytes).decode(b"a", "") == b"a"
    assert File.from_annotation(FileLike).decode(b"a", "").read() == b"a"
