"""`Text`: a body of text in UTF-8."""

from __future__ import annotations

from typing import Any

from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.descriptors.media_types import TEXT_MEDIA_TYPE, check_text_media_type
from jubako.errors import BadInput, InvalidArgument


class Text(Descriptor):
    """Text in UTF-8, as it is: `str` in, `str` out; the empty body is the empty text.

    Takes `text/…` and requests without a content type. A stream of texts is sent as it comes, without separators.
    """

    media_types = (TEXT_MEDIA_TYPE,)
    stream_media_type = f"{TEXT_MEDIA_TYPE}; charset=utf-8"

    def __init__(self) -> None:
        self._examples: tuple[str, ...] = ()

    @classmethod
    def from_sample(cls, sample: str) -> Text:
        """Describe text, and show a sample in the documentation.

        Raises:
            InvalidArgument: the sample is no text.
        """
        if not isinstance(sample, str):
            raise InvalidArgument(f"a sample of Text() is text, not {type(sample).__name__}.")
        made = cls()
        made._examples = (sample,)
        return made

    def decode(self, body: bytes, content_type: str) -> str:
        """Return the body's text; see `Descriptor.decode`."""
        check_text_media_type(content_type)
        try:
            return body.decode()
        except UnicodeDecodeError as error:
            raise BadInput(
                f"byte {error.start} of the body is not UTF-8.", field=f"byte {error.start}", expected="text in UTF-8"
            ) from error

    def encode(self, value: Any, accept: str = "") -> EncodedBody:
        """Return the text's bytes; see `Descriptor.encode`."""
        if not isinstance(value, str):
            raise InvalidArgument(
                f"an API with output Text() returned {type(value).__name__}.", why="It returns str.", do="return str(…)"
            )
        try:
            return EncodedBody(value.encode(), f"{TEXT_MEDIA_TYPE}; charset=utf-8")
        except UnicodeEncodeError as error:
            raise InvalidArgument(f"character {error.start} of the text is a lone surrogate: no UTF-8.") from error

    def encode_item(self, value: Any) -> bytes:
        """The text alone; see `Descriptor.encode_item`."""
        return self.encode(value).body

    def openapi_schema(self) -> dict[str, Any]:
        """The schema of a text."""
        return {"type": "string", "examples": list(self._examples)} if self._examples else {"type": "string"}

    def __repr__(self) -> str:
        return "Text()"
