"""`Image`; Pillow is optional."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jubako.errors import BadInput, InvalidArgument, PayloadTooLarge, UnsupportedMediaType
from jubako.testing import DescriptorTests

PIL = pytest.importorskip("PIL.Image")

from jubako.io import Image  # noqa: E402  # made only where Pillow is


def picture(mode="RGB", size=(9, 7)):
    rows = np.indices((size[1], size[0])).sum(axis=0).astype(np.uint8) * 10
    return PIL.fromarray(rows).convert(mode)


def written(image, name, **options):
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def form(*parts):
    pieces = [
        b'--b\r\nContent-Disposition: form-data; name="x"; filename="a.png"\r\nContent-Type: %s\r\n\r\n%s\r\n' % part
        for part in parts
    ]
    return b"".join([*pieces, b"--b--\r\n"])


def png_of_size(width, height):
    """A PNG whose header says how large it is, with next to nothing behind it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


class TestImage(DescriptorTests):
    def descriptor(self):
        return Image(mime_type="image/png")

    def values(self):
        return [picture(), picture(size=(64, 1))]

    def refused_bodies(self):
        return [b"", b"GIF89a", written(picture(), "PNG")[:45], b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"]

    def refused_values(self):
        return [None, "text", np.zeros((2, 2, 7), np.uint8), np.array(["a"])]

    def same(self, left, right):
        return left.mode == right.mode and left.size == right.size and left.tobytes() == right.tobytes()

    def same_in(self, media_type, left, right):
        if media_type in ("image/png", "image/bmp", "image/tiff", "image/x-tga", "image/x-pcx", "image/sgi"):
            return self.same(left, right)
        # The others lose some of each colour.
        return left.mode == right.mode and left.size == right.size


@pytest.mark.parametrize("name", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
@pytest.mark.parametrize("content_type", ["image/png", "image/anything", "application/octet-stream", ""])
def test_every_format_is_read_whatever_its_media_type_says(name, content_type):
    if name.upper() not in PIL.SAVE:
        pytest.skip(f"this Pillow writes no {name}")
    found = Image().decode(written(picture(), name), content_type)
    assert (found.mode, found.size) == ("RGB", (9, 7))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "F"])
def test_requests_and_answers_have_the_mode_that_is_declared(mode):
    descriptor = Image(pilmode=mode, mime_type="image/tiff")
    found = descriptor.decode(written(picture("RGB"), "PNG"), "image/png")
    assert found.mode == mode
    assert PIL.open(io.BytesIO(descriptor.encode(picture("L")).body)).mode == mode


def test_without_a_mode_the_image_stays_as_it_is():
    assert Image(pilmode=None).decode(written(picture("LA"), "PNG"), "").mode == "LA"


def test_the_first_part_of_a_form_is_taken():
    image = written(picture(), "PNG")
    body = form((b"image/png", image), (b"image/png", b"no image"))
    assert Image().decode(body, "multipart/form-data; boundary=b").size == (9, 7)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/json", "image", "application/x-www-form-urlencoded"]
)
def test_another_content_type_is_refused(content_type):
    with pytest.raises(UnsupportedMediaType, match="image/"):
        Image().decode(written(picture(), "PNG"), content_type)
    with pytest.raises(UnsupportedMediaType):
        Image().decode(form((content_type.encode(), b"")), "multipart/form-data; boundary=b")


def test_a_form_without_parts_is_refused():
    with pytest.raises(BadInput, match="no part"):
        Image().decode(b"--b--\r\n", "multipart/form-data; boundary=b")


@pytest.mark.parametrize("size", [(100, 101), (50_000, 50_000), (2**31 - 1, 1), (2**31 - 1, 2**31 - 1)])
def test_an_image_of_more_pixels_than_allowed_is_refused_by_its_header(size):
    with pytest.raises(PayloadTooLarge) as caught:
        Image(max_pixels=10_000).decode(png_of_size(*size), "image/png")
    assert "10000 pixels" in caught.value.expected


def test_the_default_limit_refuses_a_bomb():
    with pytest.raises(PayloadTooLarge):
        Image().decode(png_of_size(50_000, 50_000), "image/png")


def test_frames_count_as_pixels_where_they_are_kept():
    frames = [picture("P", (10, 10)) for _ in range(5)]
    for number, frame in enumerate(frames):
        frame.putpixel((number, 0), 200)
    body = written(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert Image(pilmode=None, max_pixels=500).decode(body, "image/gif").n_frames == 5
    with pytest.raises(PayloadTooLarge):
        Image(pilmode=None, max_pixels=499).decode(body, "image/gif")
    first = Image(max_pixels=100).decode(body, "image/gif")
    assert (first.mode, getattr(first, "n_frames", 1)) == ("RGB", 1)


def test_an_animation_of_too_many_frames_is_refused():
    frames = [picture("P", (2, 1)) for _ in range(1001)]
    for number, frame in enumerate(frames):
        frame.putpixel((number % 2, 0), number % 200)
    body = written(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(PayloadTooLarge, match="too many frames"):
        Image(pilmode=None).decode(body, "image/gif")


@pytest.mark.parametrize("name", ["EPS", "ICO", "ICNS"])
def test_formats_that_no_limit_holds_for_are_not_read(name):
    body = written(picture(size=(16, 16)), name)
    with pytest.raises(BadInput):
        Image().decode(body, "image/png")


def test_the_accept_header_chooses_the_format():
    encoded = Image().encode(picture(), "image/webp;q=0.5, image/png")
    assert encoded.content_type == "image/png"
    assert PIL.open(io.BytesIO(encoded.body)).format == "PNG"
    assert encoded.headers == {"content-disposition": 'attachment; filename="output.png"'}


def test_a_format_without_the_mode_is_written_as_rgb():
    encoded = Image(pilmode="RGBA", mime_type="image/png").encode(picture("RGBA"), "image/jpeg")
    assert PIL.open(io.BytesIO(encoded.body)).mode == "RGB"


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3), (7, 9, 4)])
def test_arrays_of_pixels_are_written(shape):
    encoded = Image(pilmode=None, mime_type="image/png").encode(np.zeros(shape, np.uint8))
    assert PIL.open(io.BytesIO(encoded.body)).size == (9, 7)


def test_a_sample_gives_mode_and_format(tmp_path):
    path = tmp_path / "sample.png"
    picture("L").save(path)
    assert repr(Image.from_sample(path)) == "Image(pilmode='L', mime_type='image/png')"
    assert repr(Image.from_sample(picture())) == "Image(pilmode='RGB', mime_type='image/jpeg')"
    with pytest.raises(InvalidArgument, match="no image"):
        Image.from_sample(tmp_path / "none.png")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pilmode": "RGX"}, "no mode"),
        ({"mime_type": "text/plain"}, "writes no"),
        ({"mime_type": "image/x-icon"}, "writes no"),
        ({"max_pixels": 0}, "max_pixels"),
    ],
)
def test_wrong_arguments_are_named(options, words):
    with pytest.raises(InvalidArgument, match=words):
        Image(**options)


def test_an_answer_is_one_image():
    with pytest.raises(InvalidArgument, match="yield"):
        Image().encode_item(picture())


_SEEDS = [written(picture(), name) for name in ("PNG", "GIF", "BMP", "TIFF", "JPEG", "PPM", "TGA")]


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=200)
@given(seed=st.sampled_from(_SEEDS), place=st.integers(0, 400), noise=st.binary(min_size=1, max_size=8))
def test_a_damaged_image_is_read_or_refused(seed, place, noise):
    place %= len(seed)
    body = seed[:place] + noise + seed[place + len(noise) :]
    try:
        found = Image(max_pixels=1_000_000).decode(body, "image/png")
    except BadInput:
        return
    assert found.mode == "RGB"
