"""Series ⇄ JSON values, in the orients of pandas: as `_frames_json` does it for frames."""

from __future__ import annotations

from typing import Any

import pandas as pd

from jubako.descriptors._frames_json import expect, given_index, members, named, read_labels, read_records
from jubako.descriptors._frames_limits import FrameLimits
from jubako.descriptors._frames_table import read_table, write_table
from jubako.descriptors._frames_values import list_values, read_column, text_labels
from jubako.errors import BadInput

SERIES_ORIENTS = ("records", "split", "index", "values", "table")


def read_series(value: Any, orient: str, limits: FrameLimits) -> pd.Series[Any]:
    """Return the series that a JSON value describes; see `read_frame`."""
    if orient == "index":
        values = expect(value, dict, "$", 'an object: {"label": 1.5}')
        return pd.Series(read_column(list(values.values())), index=read_labels(list(values)))
    if orient == "split":
        part = members(value, required=("data",), optional=("name", "index"))
        data = expect(part["data"], list, "$.data", "a list of values")
        return pd.Series(read_column(data), index=given_index(part, len(data)), name=_name(part.get("name")))
    if orient == "table":
        frame = read_table(value, limits, read_records)
        if frame.shape[1] != 1:
            raise BadInput(
                f"the table has {frame.shape[1]} columns.", field="$.schema", expected="one column of values"
            )
        return frame.iloc[:, 0]
    values = expect(value, list, "$", "a list of values")
    if orient == "records" and values and set(map(type, values)) == {dict}:
        frame = read_records(values, limits)
        if frame.shape[1] != 1:
            raise BadInput(f"the records have {frame.shape[1]} names.", field="$", expected="one name, the same in all")
        return frame.iloc[:, 0]
    return pd.Series(read_column(values))


def write_series(series: pd.Series[Any], orient: str) -> Any:
    """Return what `dump_json` writes for a series; see `write_frame`."""
    if orient == "table":
        frame = series.to_frame("values" if series.name is None else series.name)
        return write_table(frame)
    values = list_values(series)
    if orient == "index":
        return dict(zip(text_labels(series.index, "rows"), values, strict=True))
    if orient == "split":
        name = series.name if series.name is None or isinstance(series.name, str | int) else str(series.name)
        return {"name": name, "index": list_values(series.index.to_series()), "data": values}
    return values


def _name(value: Any) -> Any:
    if value is not None and type(value) not in (str, int):
        raise BadInput(f"{named(value)} stands at $.name.", field="$.name", expected="text")
    return value
