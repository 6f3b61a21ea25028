"""`JSON`: any JSON value, or one that a Python type describes."""

from __future__ import annotations

import json
from typing import Any

from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.descriptors._json_text import dump_json, parse_json
from jubako.descriptors._json_type_of import json_type_of
from jubako.descriptors._json_types import JsonType, Mismatch, Work, described, path_of
from jubako.descriptors._pydantic import Validated, is_model
from jubako.descriptors._schemas import annotation_of_sample, inlined
from jubako.descriptors.media_types import JSON_MEDIA_TYPE, check_json_media_type
from jubako.errors import BadInput, InvalidArgument

# Every JSON value takes a byte at least: what is looked at more often than this is looked at in vain.
_LOOKS_A_BYTE = 8
_LOOKS_AT_LEAST = 1000


class JSON(Descriptor):
    """Any JSON value; with a model, an object of that model.

    Takes `application/json`, `application/…+json` and requests without a content type. A name that stands twice in one
    object is refused; whole numbers of more than 64 bits are read as the nearest float. In results NaN and infinities
    become `null`; numpy, pandas, dataclass, attrs and pydantic values are written as what they hold, decimals, paths
    and UUIDs as text.

    Args:
        pydantic_model: a pydantic (version 2) model class; requests become its objects. None takes any JSON value.
        validate_json: False gives the API the plain JSON value, and uses the model for the documentation only.
        json_encoder: a `json.JSONEncoder` class that writes the results instead; slower, and NaN is an error.
        model: the same as `pydantic_model` for every type that JSON can be checked against: attrs classes, dataclasses,
            TypedDicts, `list[int]`, `Literal["a", "b"]`, … What pydantic does not describe is checked without it:
            strictly (text is no number), and with unknown names passed over.
    """

    media_types = (JSON_MEDIA_TYPE,)

    def __init__(
        self,
        pydantic_model: Any = None,
        validate_json: bool = True,
        json_encoder: type[json.JSONEncoder] | None = None,
        *,
        model: Any = None,
    ) -> None:
        if pydantic_model is not None and not is_model(pydantic_model):
            raise InvalidArgument(
                f"JSON cannot validate with {pydantic_model!r}.",
                do="give a model class of pydantic 2 or newer; other types are given as model=…",
            )
        if pydantic_model is not None and model is not None:
            raise InvalidArgument("JSON has two models.", do="give pydantic_model=… or model=…")
        is_encoder = isinstance(json_encoder, type) and issubclass(json_encoder, json.JSONEncoder)
        if json_encoder is not None and not is_encoder:
            raise InvalidArgument(f"{json_encoder!r} is no JSON encoder.", do="give a subclass of json.JSONEncoder")
        self._model = model if pydantic_model is None else pydantic_model
        self._kind: JsonType | None = None if self._model is None else json_type_of(self._model)
        self._validate_json = validate_json
        self._json_encoder = json_encoder
        self._examples: tuple[Any, ...] = ()

    @classmethod
    def from_annotation(cls, annotation: Any) -> JSON:
        """Check against an annotation; see `Descriptor.from_annotation`."""
        return cls() if annotation is Any else cls(model=type(None) if annotation is None else annotation)

    @classmethod
    def from_sample(cls, sample: Any, validate_json: bool = True) -> JSON:
        """Describe values like a sample: objects of its class, or JSON with the same names and kinds of values.

        Numbers stand for all numbers, and null for anything. The documentation shows the sample.

        Raises:
            InvalidArgument: the sample has no form in JSON.
        """
        made = cls(model=annotation_of_sample(sample), validate_json=validate_json)
        made._examples = (parse_json(dump_json(sample)),)
        return made

    def decode(self, body: bytes, content_type: str) -> Any:
        """Return the JSON value, or the model's object; see `Descriptor.decode`."""
        check_json_media_type(content_type)
        value = parse_json(body)
        if self._kind is None or not self._validate_json:
            return value
        try:
            # The body was parsed already, by rules that are stricter than pydantic's.
            if isinstance(self._kind, Validated):
                return self._kind.read_text(body)
            return self._kind.read(value, Work(len(body) * _LOOKS_A_BYTE + _LOOKS_AT_LEAST))
        except Mismatch as mismatch:
            field = path_of(mismatch.steps)
            raise BadInput(
                f"{field}: {mismatch.problem}.", field=field, expected=mismatch.expected
            ) from mismatch.__cause__
        except RecursionError:
            raise BadInput("the value is nested too deep.", field="$", expected="fewer levels") from None

    def encode(self, value: Any, accept: str = "") -> EncodedBody:
        """Write the result; see `Descriptor.encode`."""
        return EncodedBody(dump_json(value) if self._json_encoder is None else self._encoded(value), JSON_MEDIA_TYPE)

    def openapi_schema(self) -> dict[str, Any]:
        """The model's schema, or one that takes anything."""
        return self._exemplified({} if self._kind is None else described(self._kind))

    def openapi_request_schema(self) -> dict[str, Any]:
        """The schema with every definition put in its place; an object without a model, as the reference says."""
        return {JSON_MEDIA_TYPE: {"schema": inlined(self.openapi_schema()) or {"type": "object"}}}

    def openapi_responses_schema(self) -> dict[str, Any]:
        """The same for answers."""
        return {JSON_MEDIA_TYPE: {"schema": inlined(self._answer_schema()) or {"type": "object"}}}

    def openapi_request_content(self) -> dict[str, Any]:
        """The schema as it is."""
        return {JSON_MEDIA_TYPE: {"schema": self.openapi_schema()}}

    def openapi_responses_content(self) -> dict[str, Any]:
        """The schema of what is answered: a model's fields by their own names."""
        return {JSON_MEDIA_TYPE: {"schema": self._answer_schema()}}

    def __repr__(self) -> str:
        if self._model is None:
            return "JSON()"
        name = getattr(self._model, "__name__", "") or repr(self._model)
        return f"JSON(pydantic_model={name})" if is_model(self._model) else f"JSON(model={name})"

    def _answer_schema(self) -> dict[str, Any]:
        if isinstance(self._kind, Validated):
            return self._exemplified(self._kind.describe_answer())
        return self.openapi_schema()

    def _exemplified(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {**schema, "examples": list(self._examples)} if self._examples else schema

    def _encoded(self, value: Any) -> bytes:
        try:
            text = json.dumps(value, cls=self._json_encoder, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            return text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidArgument(
                f"a result of type {type(value).__name__} cannot be written as JSON.", why=str(error)
            ) from error
