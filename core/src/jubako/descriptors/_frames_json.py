"""Frames ⇄ JSON values, in the ways ("orients") of pandas, and without its guesses.

Reading: a column has the dtype that its JSON values have. No text becomes a number or a date because it looks like one;
declare a dtype for that. `null`, and a name that one row of several lacks, is a missing value.
Writing: every digit of a number; dates, times and durations as ISO 8601; what is missing as `null`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import pandas as pd

from jubako.descriptors._frames_limits import FrameLimits
from jubako.descriptors._frames_table import read_table, write_table
from jubako.descriptors._frames_values import list_values, read_column, text_labels
from jubako.errors import BadInput

FRAME_ORIENTS = ("records", "split", "index", "columns", "values", "table")
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")
_NONE = type(None)


def read_frame(value: Any, orient: str, limits: FrameLimits) -> pd.DataFrame:
    """Return the frame that a JSON value describes.

    Args:
        value: as `parse_json` gives it.
        orient: one of `FRAME_ORIENTS`.
        limits: checked before room is made.

    Raises:
        BadInput: it is not of that orient.
        PayloadTooLarge: the frame would be larger than the limits.
    """
    return _FRAME_READERS[orient](value, limits)


def write_frame(frame: pd.DataFrame, orient: str) -> Any:
    """Return what `dump_json` writes for a frame.

    Raises:
        InvalidArgument: two columns, or two rows of an orient that names them, have one label.
    """
    columns = [list_values(column) for _, column in frame.items()]
    if orient == "values":
        return _rows(columns, len(frame))
    names = text_labels(frame.columns, "columns")
    if orient == "split":
        return {
            "columns": names,
            "index": list_values(frame.index.to_series()),
            "data": _rows(columns, len(frame)),
        }
    if orient == "columns":
        labels = text_labels(frame.index, "rows")
        return {name: dict(zip(labels, column, strict=True)) for name, column in zip(names, columns, strict=True)}
    records = [dict(zip(names, row, strict=True)) for row in _rows(columns, len(frame))]
    if orient == "index":
        return dict(zip(text_labels(frame.index, "rows"), records, strict=True))
    return records if orient == "records" else write_table(frame)


def _rows(columns: Sequence[list[Any]], count: int) -> Iterable[tuple[Any, ...]]:
    return list(zip(*columns, strict=True)) if columns else [()] * count


def expect(value: Any, kind: type, field: str, expected: str) -> Any:
    """Return the value if it is exactly of that type; else raise BadInput, which names the field."""
    if type(value) is not kind:
        raise BadInput(f"{named(value)} stands at {field}.", field=field, expected=expected)
    return value


def named(value: Any) -> str:
    """What kind of JSON value it is, for people."""
    names = {_NONE: "null", str: "text", bool: "a boolean", dict: "an object", list: "a list"}
    return names.get(type(value), "a number")


def members(value: Any, required: tuple[str, ...], optional: tuple[str, ...]) -> Mapping[str, Any]:
    """Return the value if it is an object of just these names; else raise BadInput."""
    expected = f"an object with {', '.join(required)}; {', '.join(optional)} may stand in it too"
    found: Mapping[str, Any] = expect(value, dict, "$", expected)
    for name in required:
        if name not in found:
            raise BadInput(f"{name!r} is missing.", field=f"$.{name}", expected=expected)
    for name in found:
        if name not in (*required, *optional):
            raise BadInput(f"{name[:80]!r} is unknown.", field="$", expected=expected)
    return found


def read_labels(names: list[str]) -> pd.Index[Any]:
    """Row labels, which JSON has as text only: whole numbers if all are."""
    if all(map(_WHOLE.fullmatch, names)):
        return _index([int(name) for name in names])
    return pd.Index(names)


def _index(labels: list[Any]) -> pd.Index[Any]:
    if labels == list(range(len(labels))):
        return pd.RangeIndex(len(labels))
    index: pd.Index[Any] = pd.Index(read_column(labels))
    return index


def given_index(part: Mapping[str, Any], count: int) -> pd.Index[Any]:
    """The labels that stand under `index`, one for each of `count` rows; without them 0, 1, 2 and so on."""
    if part.get("index") is None:
        return pd.RangeIndex(count)
    labels = expect(part["index"], list, "$.index", "a list of labels")
    if len(labels) != count:
        raise BadInput(
            f"{len(labels)} labels stand at $.index.", field="$.index", expected=f"{count}, one for each row"
        )
    for position, label in enumerate(labels):
        if isinstance(label, dict | list):
            field = f"$.index[{position}]"
            raise BadInput(f"{named(label)} stands at {field}.", field=field, expected="text or numbers")
    return _index(labels)


def read_records(value: Any, limits: FrameLimits) -> pd.DataFrame:
    """Return the frame of a list of objects; raises BadInput, or PayloadTooLarge beyond the limits."""
    rows = expect(value, list, "$", 'a list of objects: [{"a": 1.5, "b": 2}]')
    return _frame_of_objects(rows, lambda position: f"$[{position}]", limits)


def _frame_of_objects(rows: list[Any], place: Callable[[int], str], limits: FrameLimits) -> pd.DataFrame:
    """A frame of rows that are objects; a name that one lacks is missing there."""
    if rows and set(map(type, rows)) != {dict}:
        position = next(position for position, row in enumerate(rows) if type(row) is not dict)
        expect(rows[position], dict, place(position), "an object with a value for each column")
    names = list(rows[0]) if rows else []
    limits.check(len(rows), len(names))
    try:
        if any(len(row) != len(names) for row in rows):
            raise KeyError
        data = {name: read_column([row[name] for row in rows]) for name in names}
    except KeyError:
        names = list(dict.fromkeys(chain.from_iterable(rows)))
        limits.check(len(rows), len(names))
        data = {name: read_column([row.get(name) for row in rows]) for name in names}
    return pd.DataFrame(data, index=pd.RangeIndex(len(rows)), columns=names, copy=False)


def _read_split(value: Any, limits: FrameLimits) -> pd.DataFrame:
    part = members(value, required=("columns", "data"), optional=("index",))
    names = expect(part["columns"], list, "$.columns", "a list of names")
    for position, name in enumerate(names):
        if type(name) not in (str, int):
            field = f"$.columns[{position}]"
            raise BadInput(f"{named(name)} stands at {field}.", field=field, expected="a name")
    rows = expect(part["data"], list, "$.data", "a list of rows, each a list")
    frame = _frame_of_lists(rows, len(names), "$.data", limits)
    frame.columns = pd.Index(names)
    frame.index = given_index(part, len(frame))
    return frame


def _read_values(value: Any, limits: FrameLimits) -> pd.DataFrame:
    rows = expect(value, list, "$", "a list of rows, each a list: [[1.5, 2], [2.5, 3]]")
    width = len(rows[0]) if rows and type(rows[0]) is list else 0
    return _frame_of_lists(rows, width, "$", limits)


def _frame_of_lists(rows: list[Any], width: int, field: str, limits: FrameLimits) -> pd.DataFrame:
    limits.check(len(rows), width)
    for position, row in enumerate(rows):
        if type(row) is not list or len(row) != width:
            found = f"a row of {len(row)} values" if type(row) is list else named(row)
            place = f"{field}[{position}]"
            raise BadInput(f"{found} stands at {place}.", field=place, expected=f"a list of {width} values")
    data = {position: read_column(list(column)) for position, column in enumerate(zip(*rows, strict=True))}
    # Without rows, or without columns, there is nothing that says how many of the others there are.
    data = data or {position: [] for position in range(width)}
    return pd.DataFrame(data, index=pd.RangeIndex(len(rows)), columns=pd.RangeIndex(width), copy=False)


def _read_index(value: Any, limits: FrameLimits) -> pd.DataFrame:
    labelled = expect(value, dict, "$", 'an object of rows: {"row": {"a": 1.5}}')
    labels = list(labelled)
    frame = _frame_of_objects(list(labelled.values()), lambda position: f"$.{labels[position][:80]}", limits)
    frame.index = read_labels(labels)
    return frame


def _read_columns(value: Any, limits: FrameLimits) -> pd.DataFrame:
    columns = expect(value, dict, "$", 'an object of columns: {"a": {"row": 1.5}} or {"a": [1.5]}')
    kinds = set(map(type, columns.values()))
    if kinds == {list}:
        return _read_column_lists(columns, limits)
    for name, column in columns.items():
        expected = 'an object like {"row": 1.5} for each column, or a list for each'
        expect(column, dict, f"$.{name[:80]}", expected)
    labels = list(next(iter(columns.values()), {}))
    limits.check(len(labels), len(columns))
    if any(column.keys() != set(labels) for column in columns.values()):
        labels = list(dict.fromkeys(chain.from_iterable(columns.values())))
        limits.check(len(labels), len(columns))
    data: dict[Hashable, Any] = {
        name: read_column([column.get(label) for label in labels]) for name, column in columns.items()
    }
    return pd.DataFrame(data, index=read_labels(labels), columns=list(columns), copy=False)


def _read_column_lists(columns: Mapping[str, list[Any]], limits: FrameLimits) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    limits.check(count, len(columns))
    for name, column in columns.items():
        if len(column) != count:
            field = f"$.{name[:80]}"
            raise BadInput(
                f"{len(column)} values stand at {field}.", field=field, expected=f"{count} values, as others"
            )
    data = {name: read_column(column) for name, column in columns.items()}
    return pd.DataFrame(data, index=pd.RangeIndex(count), columns=list(columns), copy=False)


_FRAME_READERS: Mapping[str, Callable[[Any, FrameLimits], pd.DataFrame]] = {
    "records": read_records,
    "split": _read_split,
    "index": _read_index,
    "columns": _read_columns,
    "values": _read_values,
    "table": lambda value, limits: read_table(value, limits, read_records),
}
