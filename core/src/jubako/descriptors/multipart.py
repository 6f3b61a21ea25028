"""`Multipart`: a form of several parts, each with a descriptor of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.descriptors._multipart import MAX_PARTS, MULTIPART_MEDIA_TYPE, Part, read_parts, write_parts
from jubako.descriptors.file import File
from jubako.errors import BadInput, InvalidArgument, PayloadTooLarge, UnsupportedMediaType


class Multipart(Descriptor):
    """A `multipart/form-data` body; the API's function gets its parts as keyword arguments, or returns a dictionary.

    Each part is read by its own descriptor and its own content type. Parts that are not described are passed over; a
    part that is missing, or stands twice, is refused.

    Args:
        max_parts: how many parts a body may have, those that are passed over too; by position only, so that a part can
            have any name.
        parts: the descriptors by the names of the parts.

    Raises:
        InvalidArgument: a part is no descriptor, or is a Multipart itself.
    """

    media_types = (MULTIPART_MEDIA_TYPE,)
    passes_keywords = True

    def __init__(self, max_parts: int = MAX_PARTS, /, **parts: Descriptor) -> None:
        for name, descriptor in parts.items():
            if not name.isidentifier():
                raise InvalidArgument(f"a part cannot be named {name!r}.", why="It is passed as a keyword argument.")
            if not isinstance(descriptor, Descriptor):
                raise InvalidArgument(f"part {name!r} is no descriptor: {descriptor!r}.", do="write for example JSON()")
            if isinstance(descriptor, Multipart):
                raise InvalidArgument(
                    f"part {name!r} is a Multipart.", why="Forms have no forms in them.", do="give its parts names here"
                )
        if not parts:
            raise InvalidArgument("a Multipart has no parts.", do="write for example Multipart(image=Image())")
        if not isinstance(max_parts, int) or max_parts < len(parts):
            raise InvalidArgument(
                f"max_parts is {max_parts!r}, and {len(parts)} are needed.", do="give a higher number"
            )
        self._parts = parts
        self.keywords = tuple(parts)
        self._max_parts = max_parts
        self.is_heavy = any(descriptor.is_heavy for descriptor in parts.values())

    def decode(self, body: bytes, content_type: str) -> dict[str, Any]:
        """Return the parts' values by their names; see `Descriptor.decode`."""
        found: dict[str, Part] = {}
        for part in read_parts(body, content_type, self._max_parts):
            if part.name in found:
                raise BadInput(f"part {part.name!r} stands twice.", field=part.name, expected="every part once")
            if part.name in self._parts:
                found[part.name] = part
        for name in self._parts:
            if name not in found:
                raise BadInput(f"part {name!r} is missing.", field=name, expected=f"the parts {', '.join(self._parts)}")
        values: dict[str, Any] = {}
        try:
            for name, descriptor in self._parts.items():
                values[name] = _decoded(descriptor, found[name])
        except BaseException:
            # What was made of the first parts is given to nobody.
            self.release(values)
            raise
        return values

    def release(self, value: Any) -> None:
        """Let go of every part; see `Descriptor.release`."""
        for name, part in value.items():
            self._parts[name].release(part)

    def encode(self, value: Any, accept: str = "") -> EncodedBody:
        """Write a dictionary with a value for every part; see `Descriptor.encode`."""
        if not isinstance(value, Mapping) or set(value) != set(self._parts):
            names = ", ".join(self._parts)
            given = ", ".join(map(str, value)) if isinstance(value, Mapping) else type(value).__name__
            raise InvalidArgument(
                f"an API with output {self!r} returned {given or 'nothing'}.",
                why=f"It returns a dictionary with {names}.",
            )
        parts = []
        for name, descriptor in self._parts.items():
            try:
                encoded = descriptor.encode(value[name])
            except InvalidArgument as error:
                raise InvalidArgument(f"part {name!r}: {error.message}", why=error.why, do=error.do) from error
            filename = _name_of(value[name]) if isinstance(descriptor, File) else ""
            parts.append(Part(name, encoded.body, encoded.content_type, filename))
        return EncodedBody(*write_parts(parts))

    def encode_item(self, value: Any) -> bytes:
        """Forms are not sent in pieces.

        Raises:
            InvalidArgument: always.
        """
        raise InvalidArgument("an API with output Multipart cannot yield.", do="return the whole dictionary")

    def openapi_schema(self) -> dict[str, Any]:
        """An object with a property for each part."""
        return _object({name: descriptor.openapi_request_schema() for name, descriptor in self._parts.items()})

    def openapi_responses_schema(self) -> dict[str, Any]:
        """The same for answers."""
        contents = {name: descriptor.openapi_responses_schema() for name, descriptor in self._parts.items()}
        return {MULTIPART_MEDIA_TYPE: {"schema": _object(contents)}}

    def openapi_request_content(self) -> dict[str, Any]:
        """The object, with the content types that each part may have."""
        return _content({name: descriptor.openapi_request_content() for name, descriptor in self._parts.items()})

    def openapi_responses_content(self) -> dict[str, Any]:
        """The object, with the content type that each part has."""
        # Parts are not negotiated: each has its main media type.
        contents = {name: descriptor.openapi_responses_content() for name, descriptor in self._parts.items()}
        return _content({name: dict([next(iter(content.items()))]) for name, content in contents.items()})

    def __repr__(self) -> str:
        return f"Multipart({', '.join(f'{name}={descriptor!r}' for name, descriptor in self._parts.items())})"


def _content(contents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    encoding = {
        name: {"contentType": ", ".join(each for each in content if each != MULTIPART_MEDIA_TYPE)}
        for name, content in contents.items()
    }
    return {MULTIPART_MEDIA_TYPE: {"schema": _object(contents), "encoding": encoding}}


def _object(contents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """An object with the main schema of each part's content."""
    properties = {name: next(iter(content.values()))["schema"] for name, content in contents.items()}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _decoded(descriptor: Descriptor, part: Part) -> Any:
    try:
        if isinstance(descriptor, File):
            return descriptor.decode_part(part)
        return descriptor.decode(part.body, part.content_type)
    except BadInput as error:
        kind = next((kind for kind in (UnsupportedMediaType, PayloadTooLarge) if isinstance(error, kind)), BadInput)
        inner = error.field.removeprefix("$")
        field = part.name + (inner if inner != error.field or not inner else f", {inner}")
        raise kind(f"part {part.name!r}: {error.message}", field=field, expected=error.expected, do=error.do) from error


def _name_of(value: Any) -> str:
    name = getattr(value, "name", None)
    return name if isinstance(name, str) else ""
