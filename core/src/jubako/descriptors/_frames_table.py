"""Frames ⇄ JSON Table Schema, the orient "table" of pandas: records beside a description of their columns.

Source: https://specs.frictionlessdata.io/table-schema/ and `pandas.io.json.build_table_schema`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from pandas.io.json import build_table_schema

from jubako.descriptors._frames_columns import cast_column
from jubako.descriptors._frames_limits import FrameLimits
from jubako.descriptors._frames_values import list_values, read_column
from jubako.errors import BadInput, InvalidArgument

_EXPECTED = (
    'an object with "schema": {"fields": [{"name": …, "type": …}], "primaryKey": […]}, and "data": a list of records'
)
_DTYPES = {
    "integer": "int64",
    # Of integers beyond the reach of these.
    "unsigned": "uint64",
    "number": "float64",
    "boolean": "bool",
    "datetime": "datetime64[ns]",
    "duration": "timedelta64[ns]",
}
# Where a value is missing, and the dtype above has none for that.
_NULLABLE_DTYPES = {"integer": "Int64", "unsigned": "UInt64", "boolean": "boolean"}
_TYPES = (*(kind for kind in _DTYPES if kind != "unsigned"), "string", "any")


def read_table(
    value: Any, limits: FrameLimits, read_records: Callable[[Any, FrameLimits], pd.DataFrame]
) -> pd.DataFrame:
    """Return the frame of a table; the one name of its primary key, if it has one, is the index.

    Raises:
        BadInput: it is no table, or a value is not what the schema says.
        PayloadTooLarge: the frame would be larger than the limits.
    """
    fields, key, records = _parts(value)
    limits.check(len(records) if isinstance(records, list) else 0, len(fields))
    frame = read_records(records, limits)
    unknown = [name for name in frame.columns if name not in fields]
    if unknown:
        raise BadInput(f"column {unknown[0][:80]!r} is not in the schema.", field="$.data", expected=_EXPECTED)
    for name, field in fields.items():
        if name not in frame:
            frame[name] = pd.Series([None] * len(frame), dtype=object)
        cast = _cast(frame[name], field)
        if cast is None:
            message = f"column {name[:80]!r} has values that are not of type {field['type']}."
            raise BadInput(message, field=f"$.data[*].{name[:80]}", expected=f"values of type {field['type']}, or null")
        frame[name] = cast
    frame = frame[list(fields)]
    if key:
        # pandas writes an index without a name as "index".
        frame = frame.set_index(key).rename_axis(None if key == "index" else key)
    return frame


def write_table(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the table of a frame, its index as the primary key.

    Raises:
        InvalidArgument: the frame has several levels of labels, or a name twice.
    """
    if frame.index.nlevels > 1 or frame.columns.nlevels > 1:
        raise InvalidArgument("a frame with several levels of labels is no table.", do="call reset_index() first")
    named = frame.rename_axis("index") if frame.index.name is None else frame
    plain = named.reset_index() if named.index.name not in named.columns else None
    if plain is None or not plain.columns.is_unique:
        raise InvalidArgument("a table names its index and every column once.", do="rename them")
    plain.columns = pd.Index([str(name) for name in plain.columns])
    schema = build_table_schema(plain, index=False, version=False)
    columns = [list_values(plain[name]) for name in plain.columns]
    data = [dict(zip(plain.columns, row, strict=True)) for row in zip(*columns, strict=True)]
    return {"schema": {**schema, "primaryKey": [str(named.index.name)]}, "data": data}


def _parts(value: Any) -> tuple[Mapping[str, Mapping[str, Any]], str, Any]:
    """Name to field of the schema, the name of the index or nothing, and the records."""
    schema = value.get("schema") if isinstance(value, dict) else None
    listed = schema.get("fields") if isinstance(schema, dict) else None
    if not isinstance(schema, dict) or not isinstance(listed, list) or "data" not in value:
        raise BadInput("the body is no table.", field="$", expected=_EXPECTED)
    fields: dict[str, Mapping[str, Any]] = {}
    for position, field in enumerate(listed):
        name = field.get("name") if isinstance(field, dict) else None
        if not isinstance(name, str) or field.get("type") not in _TYPES or name in fields:
            place = f"$.schema.fields[{position}]"
            expected = f"a name that stands once, and a type out of {', '.join(_TYPES)}"
            raise BadInput(f"{place} describes no column.", field=place, expected=expected)
        fields[name] = field
    keys = schema.get("primaryKey", [])
    keys = [keys] if isinstance(keys, str) else keys
    if not isinstance(keys, list) or len(keys) > 1 or not all(isinstance(key, str) and key in fields for key in keys):
        raise BadInput("the primary key names no column.", field="$.schema.primaryKey", expected="one name of a column")
    return fields, keys[0] if keys else "", value["data"]


def _cast(column: pd.Series[Any], field: Mapping[str, Any]) -> pd.Series[Any] | None:
    kind = field["type"]
    if kind == "any":
        categories = field["constraints"].get("enum") if isinstance(field.get("constraints"), dict) else None
        if not isinstance(categories, list):
            return column
        try:
            dtype = pd.CategoricalDtype(pd.Index(read_column(categories)), ordered=field.get("ordered") is True)
        except (TypeError, ValueError):
            return None
        return cast_column(column, dtype, is_text=False)
    if kind == "string":
        return cast_column(column, pd.api.types.pandas_dtype("str"), is_text=False)
    if kind == "datetime" and field.get("tz") is not None:
        return _cast_zoned(column, field["tz"])
    dtypes = _NULLABLE_DTYPES if bool(column.isna().any()) and kind in _NULLABLE_DTYPES else _DTYPES
    cast = cast_column(column, pd.api.types.pandas_dtype(dtypes[kind]), is_text=False)
    if cast is None and kind == "integer":
        return cast_column(column, pd.api.types.pandas_dtype(dtypes["unsigned"]), is_text=False)
    return cast


def _cast_zoned(column: pd.Series[Any], zone: Any) -> pd.Series[Any] | None:
    try:
        dtype = pd.DatetimeTZDtype("ns", zone)
    except Exception:  # noqa: BLE001 what is no name of a zone ends in an error of whichever package looks for it
        return None
    return cast_column(column, dtype, is_text=False)
