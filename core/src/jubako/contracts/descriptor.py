"""`Descriptor`: an HTTP body ⇄ a Python value, with its OpenAPI schema."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import attrs


@attrs.frozen
class EncodedBody:
    """A response's body, ready to send.

    Args:
        body: the bytes.
        content_type: the whole value of the header.
        headers: further headers, lower-case names.
    """

    body: bytes
    content_type: str
    headers: Mapping[str, str] = attrs.field(factory=dict)


class Descriptor(ABC):
    """Describes one side of an API; immutable once made, shared by all requests.

    Knows no server: bytes and a content type come in, bytes and a content type go out. Checked by
    `jubako.testing.DescriptorTests`.

    Attributes:
        media_types: what requests may be and answers can be, the main one first; `*/*` takes anything.
        is_heavy: True if decoding and encoding are always done in a thread pool, however small the body is.
        passes_keywords: True if `decode` gives a dictionary whose items the API gets as keyword arguments.
        keywords: then the names of these items, so that a function that does not take them is refused when it is added;
            empty if they are not known before.
        stream_media_type: of an answer that is sent item by item, as `encode_item` writes them.
    """

    media_types: tuple[str, ...]
    is_heavy: bool = False
    passes_keywords: bool = False
    keywords: tuple[str, ...] = ()
    stream_media_type: str = "application/x-ndjson"

    @classmethod
    def from_annotation(cls, annotation: Any) -> Descriptor:
        """Describe a parameter or a result that is annotated with one of the `python_types` of this descriptor's offer.

        Raises:
            InvalidArgument: the annotation has details that cannot be described.
        """
        return cls()

    @abstractmethod
    def decode(self, body: bytes, content_type: str) -> Any:
        """Read and validate a request's body; never unpickles, evaluates or opens anything.

        Args:
            body: whole, at most the server's limit.
            content_type: the header's value, or empty.

        Raises:
            BadInput: the body is not what the API takes; names the field and what was expected.
            UnsupportedMediaType: the content type is none of `media_types`.
        """

    @abstractmethod
    def encode(self, value: Any, accept: str = "") -> EncodedBody:
        """Lay out what the user's function returned.

        Args:
            value: the function's result.
            accept: the request's Accept header, or empty; where it names nothing that this descriptor writes, the main
                media type is written (RFC 9110, section 12.4.1, leaves that to the server).

        Raises:
            InvalidArgument: the value is not what this descriptor describes; answered as 500, for it is the service's
                fault.
        """

    def release(self, value: Any) -> None:  # noqa: B027  # most hold nothing
        """Let go of what `decode` made and that must not outlive the request, such as a temporary file; called once.

        By default nothing is held. Called when the request has been answered or has failed, in a thread if the
        descriptor is heavy; never for a value that `decode` did not return.
        """

    def encode_item(self, value: Any) -> bytes:
        """Lay out one item of an answer that is streamed as `stream_media_type`; by default one line of JSON.

        Raises:
            InvalidArgument: the item is not what this descriptor describes.
        """
        return self.encode(value).body + b"\n"

    @abstractmethod
    def openapi_schema(self) -> dict[str, Any]:
        """The JSON schema of the value (OpenAPI 3.1), in the main media type."""

    def openapi_schema_type(self) -> dict[str, Any]:
        """The schema as BentoML 1.0 writes it, where that is another."""
        schema: dict[str, Any] = next(iter(self.openapi_request_schema().values()))["schema"]
        return schema

    def openapi_request_content(self) -> dict[str, Any]:
        """Every media type that requests may have to its schema, as the `content` of an OpenAPI request body."""
        return self.openapi_request_schema()

    def openapi_responses_content(self) -> dict[str, Any]:
        """Every media type that answers can have to its schema, as the `content` of an OpenAPI response."""
        return self.openapi_responses_schema()

    def openapi_request_schema(self) -> dict[str, Any]:
        """Main media type to schema, as the `content` of an OpenAPI request body."""
        return {self.media_types[0]: {"schema": self.openapi_schema()}}

    def openapi_responses_schema(self) -> dict[str, Any]:
        """Main media type to schema, as the `content` of an OpenAPI response."""
        return {self.media_types[0]: {"schema": self.openapi_schema()}}
