"""JSON values ⇄ columns and labels of pandas, all of them unchanged."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from jubako.errors import InvalidArgument

_NONE = type(None)
# Above, floats leave whole numbers out.
_LARGEST_EXACT = 2**53


def read_column(values: list[Any]) -> Any:
    """Return JSON values as what pandas makes a column of, all of them unchanged.

    Whole numbers stay whole, but beside missing ones they are floats as everywhere in pandas, or `Int64` if floats
    would change them. Where nothing but missing values is, they are floats.
    """
    kinds = set(map(type, values))
    if kinds == {int}:
        array = np.array(values)
        return array if array.dtype.kind in "iu" else _objects(values)
    if kinds and kinds <= {int, float, _NONE}:
        array = np.array(values, dtype=np.float64)
        if float not in kinds and np.nanmax(np.abs(array), initial=0) >= _LARGEST_EXACT:
            return _whole_numbers(values)
        return array
    if kinds == {bool}:
        return np.array(values)
    return values if kinds <= {str, _NONE} and kinds else _objects(values)


def list_values(column: pd.Series[Any]) -> list[Any]:
    """The values of a column as JSON has them; what is missing is None."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        # NaN and infinities become null when they are written.
        return column.to_numpy(np.float64).tolist() if dtype.char == "g" else column.tolist()
    if isinstance(dtype, pd.CategoricalDtype):
        categories = [*list_values(pd.Series(dtype.categories)), None]
        return [categories[code] for code in column.cat.codes]
    missing = column.isna().to_numpy()
    values = column.astype(object).to_numpy(copy=True)
    values[missing] = None
    listed: list[Any] = values.tolist()
    if any(issubclass(kind, pd.Timestamp | pd.Timedelta) for kind in set(map(type, listed))):
        return [value.isoformat() if isinstance(value, pd.Timestamp | pd.Timedelta) else value for value in listed]
    return listed


def text_labels(labels: pd.Index[Any], what: str) -> list[str]:
    """Labels of columns or rows as the names of a JSON object.

    Raises:
        InvalidArgument: two have one name.
    """
    plain = list(labels)
    if not all(type(name) is str for name in plain):
        plain = list_values(labels.to_series())
    names = [name if isinstance(name, str) else str(name) for name in plain]
    if len(set(names)) < len(names):
        name, _ = Counter(names).most_common(1)[0]
        raise InvalidArgument(f"two {what} are named {name!r}.", why="JSON objects have a name once.", do="rename them")
    return names


def _whole_numbers(values: list[Any]) -> Any:
    for dtype in ("Int64", "UInt64"):
        try:
            return pd.array(values, dtype=dtype)
        except (OverflowError, TypeError, ValueError):
            continue
    return _objects(values)


def _objects(values: list[Any]) -> Any:
    # numpy would make further axes of lists in it.
    return np.fromiter(values, dtype=object, count=len(values))
