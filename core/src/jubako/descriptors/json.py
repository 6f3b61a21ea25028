"""`JSON`: any JSON value, or one that a pydantic model describes."""

from __future__ import annotations

import json
from typing import Any, Protocol

from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.descriptors._json_text import dump_json, parse_json
from jubako.descriptors._media_types import JSON_MEDIA_TYPE, check_json_media_type
from jubako.errors import BadInput, InvalidArgument

# pydantic lays out all of its errors or none: for a body of a million wrong values that took 5 s and half a gigabyte.
_MOST_EXPLAINED = 1000


class PydanticModel(Protocol):
    """What is used of a pydantic (version 2) model class; pydantic itself is not needed."""

    def model_validate_json(self, json_data: bytes) -> Any:
        """Read and validate; raises pydantic's ValidationError, a ValueError."""

    def model_json_schema(self) -> dict[str, Any]:
        """Describe."""


class JSON(Descriptor):
    """Any JSON value; with a pydantic model, an object of that model.

    Takes `application/json`, `application/…+json` and requests without a content type. A name that stands twice in one
    object is refused; whole numbers of more than 64 bits are read as the nearest float. In results NaN and infinities
    become `null`; numpy, pandas, dataclass, attrs and pydantic values are written as what they hold.

    Args:
        pydantic_model: a pydantic (version 2) model class; requests become its objects. None takes any JSON value.
        validate_json: False gives the API the plain JSON value, and uses the model for the documentation only.
        json_encoder: a `json.JSONEncoder` class that writes the results instead; slower, and NaN is an error.
    """

    media_types = (JSON_MEDIA_TYPE,)

    def __init__(
        self,
        pydantic_model: PydanticModel | None = None,
        validate_json: bool = True,
        json_encoder: type[json.JSONEncoder] | None = None,
    ) -> None:
        if pydantic_model is not None and not callable(getattr(pydantic_model, "model_validate_json", None)):
            raise InvalidArgument(
                f"JSON cannot validate with {pydantic_model!r}.", do="give a model class of pydantic 2 or newer"
            )
        is_encoder = isinstance(json_encoder, type) and issubclass(json_encoder, json.JSONEncoder)
        if json_encoder is not None and not is_encoder:
            raise InvalidArgument(f"{json_encoder!r} is no JSON encoder.", do="give a subclass of json.JSONEncoder")
        self._pydantic_model = pydantic_model
        self._validator = pydantic_model if validate_json else None
        self._json_encoder = json_encoder

    def decode(self, body: bytes, content_type: str) -> Any:
        """Return the JSON value, or the model's object; see `Descriptor.decode`."""
        check_json_media_type(content_type)
        value = parse_json(body)
        return value if self._validator is None else self._validated(body, self._validator)

    def encode(self, value: Any, accept: str = "") -> EncodedBody:
        """Write the result; see `Descriptor.encode`."""
        return EncodedBody(dump_json(value) if self._json_encoder is None else self._encoded(value), JSON_MEDIA_TYPE)

    def openapi_schema(self) -> dict[str, Any]:
        """The model's schema, or one that takes anything."""
        return {} if self._pydantic_model is None else self._pydantic_model.model_json_schema()

    def __repr__(self) -> str:
        model = getattr(self._pydantic_model, "__name__", "")
        return f"JSON(pydantic_model={model})" if model else "JSON()"

    def _validated(self, body: bytes, model: PydanticModel) -> Any:
        # The body was parsed already, by rules that are stricter than pydantic's. It is validated as text all the same:
        # only then does a strict model take dates, bytes or tuples from JSON.
        try:
            return model.model_validate_json(body)
        except ValueError as error:
            count_errors, list_errors = getattr(error, "error_count", None), getattr(error, "errors", None)
            if not callable(count_errors) or not callable(list_errors):
                raise
            name = getattr(model, "__name__", "the model")
            count = count_errors()
            if count > _MOST_EXPLAINED:
                raise BadInput(f"{count} values are not what {name} takes.", field="$", expected=f"a {name}") from None
            raise _bad_input(
                list_errors(include_url=False, include_context=False, include_input=False), name
            ) from error

    def _encoded(self, value: Any) -> bytes:
        try:
            text = json.dumps(value, cls=self._json_encoder, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            return text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidArgument(
                f"a result of type {type(value).__name__} cannot be written as JSON.", why=str(error)
            ) from error


def _bad_input(errors: list[dict[str, Any]], model_name: str) -> BadInput:
    """The first error in full, and how many more there are."""
    first = errors[0]
    field = "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return BadInput(f"{field}: {first['msg']}{more}.", field=field, expected=f"a {model_name} ({first['type']})")
