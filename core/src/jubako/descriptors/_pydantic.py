"""What pydantic (version 2) describes, as one more kind of JSON values; pydantic itself is imported only when needed.

Types that are none of pydantic's are never read by it: a program answers the same whether it is installed or not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin

import orjson

from jubako._references import load_reference
from jubako.descriptors._json_types import Definitions, JsonType, Mismatch, Work
from jubako.errors import InvalidArgument

_PACKAGES = ("pydantic", "pydantic_core", "annotated_types")
# pydantic lays out all of its errors or none: for a body of a million wrong values that took 5 s and half a gigabyte.
_MOST_EXPLAINED = 1000


def is_pydantics(annotation: Any) -> bool:
    """True for a model, a pydantic dataclass, and whatever names one or has pydantic's constraints."""
    if isinstance(annotation, type) and (is_model(annotation) or hasattr(annotation, "__pydantic_validator__")):
        return True
    if get_origin(annotation) is Annotated:
        base, *details = get_args(annotation)
        return is_pydantics(base) or any(_is_from_pydantic(detail) for detail in details)
    return any(is_pydantics(argument) for argument in get_args(annotation))


def is_model(value: Any) -> bool:
    """True for a class with what is used of pydantic's models."""
    return callable(getattr(value, "model_validate_json", None)) and callable(getattr(value, "model_json_schema", None))


class Validated(JsonType):
    """Values that pydantic validates.

    Args:
        annotation: a model class, or anything that pydantic's `TypeAdapter` takes.

    Raises:
        InvalidArgument: pydantic cannot make a validator of it.
    """

    def __init__(self, annotation: Any) -> None:
        self.name: str = getattr(annotation, "__name__", "") or str(annotation)
        if is_model(annotation):
            self._validate: Callable[..., Any] = annotation.model_validate_json
            self._schema: Callable[..., dict[str, Any]] = annotation.model_json_schema
        else:
            adapter = _adapter(annotation)
            self._validate, self._schema = adapter.validate_json, adapter.json_schema

    def read_text(self, body: bytes) -> Any:
        """Validate JSON text: only from text does a strict model take dates, bytes or tuples.

        Raises:
            Mismatch: pydantic refuses it; with its first error, and how many more there are.
        """
        try:
            return self._validate(body)
        except ValueError as error:
            count_errors, list_errors = getattr(error, "error_count", None), getattr(error, "errors", None)
            if not callable(count_errors) or not callable(list_errors):
                raise
            count = count_errors()
            if count > _MOST_EXPLAINED:
                raise Mismatch(f"{count} values are not what {self.name} takes", f"a value of {self.name}") from None
            first = list_errors(include_url=False, include_context=False, include_input=False)[0]
            more = f" ({count - 1} more)" if count > 1 else ""
            expected = f"a value of {self.name} ({first['type']})"
            raise Mismatch(f"{first['msg']}{more}", expected, first["loc"]) from error

    def read(self, value: Any, work: Work) -> Any:
        """Validate a part of a larger value."""
        return self.read_text(orjson.dumps(value))

    def describe(self, definitions: Definitions) -> dict[str, Any]:
        """The schema as pydantic writes it, of what requests hold; with its own definitions."""
        return self._schema()

    def describe_answer(self) -> dict[str, Any]:
        """The schema of what is answered: by the fields' own names, as the objects are written."""
        return self._schema(mode="serialization", by_alias=False)


def _adapter(annotation: Any) -> Any:
    try:
        return load_reference("pydantic:TypeAdapter")(annotation)
    except Exception as error:
        # Whatever pydantic, or a class with hooks of its own, says of it.
        raise InvalidArgument(f"pydantic cannot validate {annotation!r}.", why=f"{error}.") from error


def _is_from_pydantic(detail: Any) -> bool:
    return type(detail).__module__.partition(".")[0] in _PACKAGES
