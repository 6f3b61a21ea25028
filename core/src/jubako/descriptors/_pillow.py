"""What is used of Pillow, which is imported when the first `Image` descriptor is made."""

from __future__ import annotations

import functools
import importlib
import io
from collections.abc import Mapping
from typing import Any

from jubako.errors import BadInput, InvalidArgument, MissingDependency, PayloadTooLarge

# EPS is run as a program; ICNS, ICO and IPTC hold other images, of any format and size; FITS unpacks gzip without end.
_UNSAFE_FORMATS = frozenset({"EPS", "FITS", "ICNS", "ICO", "IPTC"})
# The format of a media type that several have.
_PREFERRED = ("BMP", "JPEG", "PNG", "TIFF")
_MAX_FRAMES = 1000
_EXPECTED = "an image in a format that Pillow reads"


def check_pillow() -> Any:
    """Return Pillow's module `PIL.Image`.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        return _pillow()
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "the descriptor Image needs Pillow.", why="It is not installed.", do="pip install 'jubako[image]'"
        ) from error


@functools.cache
def writable_formats() -> Mapping[str, str]:
    """Media type to the name of the format, of all that this installation of Pillow writes and reads back."""
    pillow = _pillow()
    names = sorted(_readable_formats(), key=lambda name: (name not in _PREFERRED, name))
    formats: dict[str, str] = {}
    for name in names:
        media_type = str(pillow.MIME.get(name, "")).lower()
        if media_type.startswith("image/") and name in pillow.SAVE and media_type not in formats and _writes(name):
            formats[media_type] = name
    return formats


def read_image(body: bytes, pilmode: str | None, max_pixels: int) -> Any:
    """Return the image that a body holds, in a mode; only its size is read before it is compared with the limit.

    Args:
        body: the image, in any format; its orientation in EXIF is not applied.
        pilmode: the mode it is converted to, which leaves the first frame; None keeps mode and frames.
        max_pixels: at most, of all frames together.

    Raises:
        BadInput: it is no image that Pillow reads, or it is damaged.
        PayloadTooLarge: it has more pixels, or more than 1000 frames.
    """
    pillow = _pillow()
    try:
        image = pillow.open(io.BytesIO(body), formats=_readable_formats())
        _check_pixels(image.width * image.height, max_pixels)
        if pilmode is None:
            _check_frames(image, max_pixels)
        image.load()
        if pilmode is None or (pilmode == image.mode and not getattr(image, "is_animated", False)):
            return image
        return image.convert(pilmode)
    except PayloadTooLarge:
        raise
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning, MemoryError) as error:
        raise _too_large("the image", max_pixels) from error
    except pillow.UnidentifiedImageError as error:
        raise BadInput("the body is no image that Pillow knows.", expected=_EXPECTED) from error
    except Exception as error:
        # Pillow's many readers raise what comes to them: OSError, SyntaxError, KeyError, struct.error, ...
        reason = f"{type(error).__name__}: {error}"[:200]
        raise BadInput(f"Pillow cannot read the image ({reason}).", expected=_EXPECTED) from error


def write_image(value: Any, pilmode: str | None, format_name: str) -> bytes:
    """Lay out an image or an array of pixels.

    Args:
        value: a Pillow image, or an array that Pillow takes for one (uint8 of two dimensions, or three with 3 or 4
            channels).
        pilmode: the mode it is converted to first; None keeps the image's. Where the format has no such mode, the image
            is written as RGB.
        format_name: as Pillow calls it.

    Raises:
        InvalidArgument: it is neither, or cannot be written.
    """
    pillow = _pillow()
    image = value if isinstance(value, pillow.Image) else _from_array(value)
    try:
        if pilmode not in (None, image.mode):
            image = image.convert(pilmode)
        try:
            return _saved(image, format_name)
        except (OSError, ValueError, KeyError):
            return _saved(image.convert("RGB"), format_name)
    except Exception as error:
        # Pillow's own writers.
        raise InvalidArgument(
            f"an image of mode {image.mode} and size {image.size} cannot be written as {format_name}.", why=f"{error}."
        ) from error


def _pillow() -> Any:
    return importlib.import_module("PIL.Image")


@functools.cache
def _readable_formats() -> tuple[str, ...]:
    pillow = _pillow()
    pillow.init()
    return tuple(sorted(set(pillow.OPEN) - _UNSAFE_FORMATS))


def _writes(name: str) -> bool:
    """True if a small image comes back: some formats are known by name only, or need a library that is not there."""
    pillow = _pillow()
    try:
        read = pillow.open(io.BytesIO(_saved(pillow.new("RGB", (8, 8)), name)), formats=_readable_formats())
        read.load()
    except Exception:  # noqa: BLE001  # whatever it is, the format is not offered
        return False
    return bool(read.size == (8, 8))


def _saved(image: Any, format_name: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name)
    return buffer.getvalue()


def _from_array(value: Any) -> Any:
    if not hasattr(value, "__array_interface__"):
        raise InvalidArgument(
            f"an API with output Image() returned {type(value).__name__}.",
            why="It returns a PIL.Image.Image, or a numpy array of pixels.",
        )
    try:
        return _pillow().fromarray(value)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InvalidArgument(
            f"an array of shape {value.shape} and dtype {value.dtype} is no image.",
            why=f"{error}.",
            do="return uint8 of shape (height, width), (height, width, 3) or (height, width, 4)",
        ) from error


def _check_pixels(pixels: int, max_pixels: int) -> None:
    if pixels > max_pixels:
        raise _too_large(f"the image has {pixels} pixels, which", max_pixels)


def _check_frames(image: Any, max_pixels: int) -> None:
    """Go through the frames one by one: to count them all first would take as long as a client likes."""
    if not getattr(image, "is_animated", False):
        return
    pixels = 0
    for frame in range(_MAX_FRAMES + 1):
        try:
            image.seek(frame)
        except EOFError:
            image.seek(0)
            return
        pixels += image.width * image.height
        _check_pixels(pixels, max_pixels)
    raise PayloadTooLarge("the image has too many frames.", expected=f"at most {_MAX_FRAMES} frames")


def _too_large(what: str, max_pixels: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"{what} is too large.", expected=f"at most {max_pixels} pixels", do="send a smaller image")
