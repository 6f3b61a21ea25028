"""`Image`: pictures in any format that Pillow knows."""

from __future__ import annotations

from typing import Any

from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.descriptors._multipart import MULTIPART_MEDIA_TYPE, is_multipart, read_parts
from jubako.descriptors._pillow import check_pillow, read_image, writable_formats, write_image
from jubako.descriptors.media_types import choose_media_type, plain_media_type
from jubako.errors import BadInput, InvalidArgument, UnsupportedMediaType

# 256 MiB of memory with four channels.
MAX_PIXELS = 64 * 1024 * 1024
_MODES = frozenset({"1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "LA", "PA", "RGBX"})
_OCTETS = "application/octet-stream"


class Image(Descriptor):
    """A picture, as `PIL.Image.Image`: an `image/*` body, or the first part of a `multipart/form-data` body.

    Needs the extra `jubako[image]`. Requests may be in any format that Pillow reads, whatever their media type says,
    but those that no limit holds for: EPS, which is a program, and ICO, ICNS, IPTC and FITS. An API may return a
    Pillow image or an array of pixels; the answer's format is the one of those that Pillow writes that the Accept
    header asks for. The orientation in EXIF is not applied.

    Args:
        pilmode: the mode that requests and answers are converted to, such as "RGB" or "L", which leaves the first frame
            of an animation. None keeps the mode and the frames. A format without that mode is written as RGB.
        mime_type: of answers where the Accept header asks for no other.
        max_pixels: how many a request's image may have, all frames together; looked at before it is decoded.

    Raises:
        MissingDependency: Pillow is not installed.
        InvalidArgument: Pillow has no such mode, or does not write that media type.
    """

    is_heavy = True

    def __init__(
        self, pilmode: str | None = "RGB", mime_type: str = "image/jpeg", *, max_pixels: int = MAX_PIXELS
    ) -> None:
        check_pillow()
        if pilmode is not None and pilmode not in _MODES:
            raise InvalidArgument(f"{pilmode!r} is no mode of images.", do=f"give one of {', '.join(sorted(_MODES))}")
        if not isinstance(max_pixels, int) or max_pixels < 1:
            raise InvalidArgument(f"max_pixels is {max_pixels!r}.", do="give a positive number")
        formats = writable_formats()
        main = mime_type.lower()
        if main not in formats:
            raise InvalidArgument(
                f"Pillow writes no {mime_type!r} here.", do=f"give one of {', '.join(sorted(formats))}"
            )
        self._pilmode = pilmode
        self._max_pixels = max_pixels
        self.media_types = (main, *(name for name in formats if name != main))

    @classmethod
    def from_annotation(cls, annotation: Any) -> Image:
        """Keep images as they come, and answer PNG, which loses nothing; see `Descriptor.from_annotation`."""
        return cls(pilmode=None, mime_type="image/png")

    @classmethod
    def from_sample(cls, sample: Any) -> Image:
        """Take and answer images of the mode and format of a sample.

        Args:
            sample: a Pillow image, or the path of an image file. An image that was made, and not read, has no format:
                JPEG stands for it.

        Raises:
            InvalidArgument: it is no image.
        """
        pillow = check_pillow()
        try:
            if not isinstance(sample, pillow.Image):
                with pillow.open(sample) as opened:
                    return cls.from_sample(opened)
        except (OSError, AttributeError, ValueError, TypeError) as error:
            raise InvalidArgument(
                f"{sample!r} is no image.", why=f"{error}.", do="give a Pillow image or a path"
            ) from error
        media_type = pillow.MIME.get(sample.format or "JPEG", "").lower()
        return cls(sample.mode, media_type if media_type in writable_formats() else "image/jpeg")

    def decode(self, body: bytes, content_type: str) -> Any:
        """Return the image; see `Descriptor.decode`."""
        if is_multipart(content_type):
            parts = read_parts(body, content_type)
            if not parts:
                raise BadInput("the form has no part.", expected="a form with a part that holds the image")
            body, content_type = parts[0].body, parts[0].content_type
        media_type = plain_media_type(content_type)
        if media_type not in ("", _OCTETS) and not media_type.startswith("image/"):
            raise UnsupportedMediaType(
                f"content type {content_type[:80]!r} is not taken by this API.",
                expected=f"image/*, such as {self.media_types[0]}",
                do=f"send the header 'Content-Type: {self.media_types[0]}', or a form whose first part is the image",
            )
        return read_image(body, self._pilmode, self._max_pixels)

    def encode(self, value: Any, accept: str = "") -> EncodedBody:
        """Write the image in the format that is asked for; see `Descriptor.encode`."""
        media_type = choose_media_type(accept, self.media_types)
        body = write_image(value, self._pilmode, writable_formats()[media_type])
        ending = media_type.rpartition("/")[2].removeprefix("x-")
        return EncodedBody(body, media_type, {"content-disposition": f'attachment; filename="output.{ending}"'})

    def encode_item(self, value: Any) -> bytes:
        """Images are not sent one after another.

        Raises:
            InvalidArgument: always.
        """
        raise InvalidArgument("an API with output Image cannot yield.", do="return one image, or Multipart parts")

    def openapi_schema(self) -> dict[str, Any]:
        """The schema of bytes."""
        return {"type": "string", "format": "binary"}

    def openapi_request_content(self) -> dict[str, Any]:
        """The main media type, all other images, and a form with the image in its first part."""
        form = {"type": "object", "properties": {"image": self.openapi_schema()}, "required": ["image"]}
        return {
            **self.openapi_request_schema(),
            "image/*": {"schema": self.openapi_schema()},
            MULTIPART_MEDIA_TYPE: {"schema": form},
        }

    def openapi_responses_content(self) -> dict[str, Any]:
        """Every format that Pillow writes."""
        return {media_type: {"schema": self.openapi_schema()} for media_type in self.media_types}

    def __repr__(self) -> str:
        return f"Image(pilmode={self._pilmode!r}, mime_type={self.media_types[0]!r})"
