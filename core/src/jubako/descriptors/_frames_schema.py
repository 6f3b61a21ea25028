"""JSON schemas of frames and series: the reference's, and those that say what is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from jubako.descriptors._frames_checks import FrameDeclaration
from jubako.descriptors._frames_columns import is_text_dtype

_TYPES = {"b": "boolean", "i": "integer", "u": "integer", "f": "number"}
# How the reference reads the name of a dtype, and what else is an object.
_FRAGMENT_TYPES = (
    *(("int", "integer"), ("float", "number"), ("double", "number")),
    *(("str", "string"), ("date", "string"), ("bool", "boolean")),
)
_LABEL: dict[str, Any] = {"type": ["integer", "number", "string", "null"]}


def describe_fragment(dtype: Any) -> dict[str, Any]:
    """The schema of a frame or series as BentoML 1.0 writes it, by the dtype argument as it was given."""
    if not isinstance(dtype, Mapping):
        return {"type": "object"}
    lists = {
        str(name): {"type": "array", "items": {"type": _fragment_type(of_column)}} for name, of_column in dtype.items()
    }
    return {"type": "object", "properties": lists}


def describe_frame(orient: str, declared: FrameDeclaration) -> dict[str, Any]:
    """The JSON schema of frames of an orient."""
    rows = _counted(declared, 0)
    if orient == "values":
        row: dict[str, Any] = {"type": "array", "items": _plain_values(declared), **_counted(declared, 1)}
        return {"type": "array", "items": row, **rows}
    if orient == "split":
        data = {"type": "array", "items": {"type": "array", "items": _plain_values(declared)}, **rows}
        names = {"type": "array", "items": {"type": ["string", "integer"]}, **_counted(declared, 1)}
        parts = {"columns": names, "index": {"type": "array", "items": _LABEL}, "data": data}
        return {"type": "object", "properties": parts, "required": ["columns", "data"], "additionalProperties": False}
    if orient == "columns":
        named = {name: _column(schema) for name, schema in _named_values(declared).items()}
        return {"type": "object", "properties": named, "additionalProperties": _column(_plain_values(declared))}
    record = {
        "type": "object",
        "properties": _named_values(declared),
        "additionalProperties": _plain_values(declared),
    }
    if orient == "index":
        return {"type": "object", "additionalProperties": record}
    records = {"type": "array", "items": record, **rows}
    return records if orient == "records" else _table(records)


def describe_series(orient: str, dtype: Any, length: int, *, is_enforced: bool) -> dict[str, Any]:
    """The JSON schema of series of an orient; a length of -1 is any."""
    values = {} if dtype is None else describe_value(dtype, is_enforced=is_enforced)
    exact = {} if length < 0 else {"minItems": length, "maxItems": length}
    listed = {"type": "array", "items": values, **exact}
    if orient == "index":
        return {"type": "object", "additionalProperties": values}
    if orient == "split":
        parts = {"name": {"type": ["string", "integer", "null"]}, "index": {"type": "array", "items": _LABEL}}
        return {
            "type": "object",
            "properties": {**parts, "data": listed},
            "required": ["data"],
            "additionalProperties": False,
        }
    if orient == "table":
        return _table({"type": "array", "items": {"type": "object"}})
    return listed


def describe_value(dtype: Any, *, is_enforced: bool) -> dict[str, Any]:
    """The JSON schema of one value of a dtype; with null where a missing value is taken."""
    if isinstance(dtype, pd.CategoricalDtype):
        return {}
    kind = "string" if is_text_dtype(dtype) else _TYPES.get(dtype.kind)
    if kind is None:
        return {}
    # Numpy's whole numbers and booleans know no missing values.
    is_complete = is_enforced and dtype.kind in "biu" and not pd.api.types.is_extension_array_dtype(dtype)
    return {"type": kind} if is_complete else {"type": [kind, "null"]}


def _fragment_type(dtype: Any) -> str:
    name = dtype if isinstance(dtype, str) else str(pd.api.types.pandas_dtype(dtype))
    return next((kind for start, kind in _FRAGMENT_TYPES if name.startswith(start)), "object")


def _counted(declared: FrameDeclaration, axis: int) -> dict[str, Any]:
    length = declared.shape[axis] if declared.shape is not None and declared.enforce_shape else -1
    return {} if length < 0 else {"minItems": length, "maxItems": length}


def _plain_values(declared: FrameDeclaration) -> dict[str, Any]:
    """Of a column that has no dtype of its own."""
    if declared.dtype is None or isinstance(declared.dtype, Mapping):
        return {}
    return describe_value(declared.dtype, is_enforced=declared.enforce_dtype)


def _named_values(declared: FrameDeclaration) -> dict[str, Any]:
    names = [*(declared.columns or ()), *(declared.dtype if isinstance(declared.dtype, Mapping) else ())]
    dtypes = {str(name): declared.dtype_of(name) for name in names}
    return {
        name: {} if dtype is None else describe_value(dtype, is_enforced=declared.enforce_dtype)
        for name, dtype in dtypes.items()
    }


def _column(values: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"type": "object", "additionalProperties": values}, {"type": "array", "items": values}]}


def _table(records: dict[str, Any]) -> dict[str, Any]:
    field = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "type": {"type": "string"}},
        "required": ["name", "type"],
    }
    fields = {"type": "array", "items": field}
    schema = {"type": "object", "properties": {"fields": fields}, "required": ["fields"]}
    return {"type": "object", "properties": {"schema": schema, "data": records}, "required": ["schema", "data"]}
