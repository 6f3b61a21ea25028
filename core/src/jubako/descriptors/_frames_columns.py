"""Columns of frames in the dtypes that an API declares: without losing or inventing a value, or else as they come.

What a dtype takes is decided by its kind. Text is a number, a boolean or a date only where the format has nothing but
text (CSV); dates and durations are ISO 8601 text everywhere, and in JSON also whole milliseconds, as pandas writes
them by itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from jubako.descriptors._arrays import cast_exactly, cast_softly
from jubako.errors import InvalidArgument

_BOOLEANS = {"true": True, "false": False}
# What pandas calls the values of a column that has no dtype of its own; missing ones do not count.
_NUMBERS = frozenset({"integer", "floating", "mixed-integer-float", "empty"})
_TEXTS = frozenset({"string", "empty"})


def check_column_dtype(dtype: Any) -> Any:
    """Return a declared dtype as pandas names it.

    Raises:
        InvalidArgument: pandas does not know it, or neither JSON nor CSV has values for it.
    """
    try:
        checked = pd.api.types.pandas_dtype(dtype)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"{dtype!r} is no dtype of a column.", why=str(error), do="write 'float32'") from error
    is_known = checked.kind in "biufcMm" or is_text_dtype(checked) or isinstance(checked, pd.CategoricalDtype)
    if not is_known and not pd.api.types.is_object_dtype(checked):
        raise InvalidArgument(
            f"dtype {checked} cannot be read from a request.", do="use a number, text, date, duration or category type"
        )
    return checked


def is_text_dtype(dtype: Any) -> bool:
    """True for `str` (of numpy where pandas is older than 3), `string` and Arrow's text."""
    return isinstance(dtype, pd.StringDtype) or dtype.kind == "U"


def cast_column(column: pd.Series[Any], dtype: Any, *, is_text: bool, is_soft: bool = False) -> pd.Series[Any] | None:
    """Return a column in another dtype, or None if a value does not fit.

    Args:
        column: of whatever dtype.
        dtype: a checked one.
        is_text: the format had text only, so that text stands for all other values.
        is_soft: convert as `astype` does what does not fit exactly: 1.5 to 1, numbers to text, text to numbers.
    """
    if column.dtype == dtype:
        return column
    if pd.api.types.is_object_dtype(dtype):
        return column.astype(object)
    if is_soft:
        exact = cast_column(column, dtype, is_text=True)
        if exact is not None:
            return exact
    if isinstance(dtype, pd.CategoricalDtype):
        return _cast_categories(column, dtype, is_text=is_text)
    if is_text_dtype(dtype):
        return _cast_text(column, dtype, is_soft=is_soft)
    if dtype.kind == "b":
        return _cast_booleans(column, dtype, is_text=is_text)
    if dtype.kind in "Mm":
        return _cast_times(column, dtype)
    return _cast_numbers(column, dtype, is_text=is_text, is_soft=is_soft)


def find_misfit_row(column: pd.Series[Any], dtype: Any, *, is_text: bool) -> int:
    """The position of the first value for which `cast_column` gives None."""
    low, high = 0, len(column)
    # The first misfit is in the first half exactly if the first half does not convert.
    while high - low > 1:
        middle = (low + high) // 2
        is_first_half = cast_column(column.iloc[low:middle], dtype, is_text=is_text) is None
        low, high = (low, middle) if is_first_half else (middle, high)
    return low


def _kind_of_values(column: pd.Series[Any]) -> str:
    # Missing values alone are floats by themselves, and fit whatever knows missing values.
    return "empty" if bool(column.isna().all()) else pd.api.types.infer_dtype(column, skipna=True)


def _cast_categories(column: pd.Series[Any], dtype: pd.CategoricalDtype, *, is_text: bool) -> pd.Series[Any] | None:
    categories = dtype.categories
    if categories is None:
        return column.astype(dtype)
    values = column.astype(object) if isinstance(column.dtype, pd.CategoricalDtype) else column
    plain = categories.dtype
    if _is_plain(plain):
        cast = cast_column(values, plain, is_text=is_text)
        if cast is None:
            return None
        values = cast
    if bool((values.notna() & ~values.isin(categories)).any()):
        return None
    return values.astype(dtype)


def _is_plain(dtype: Any) -> bool:
    """True for the dtypes that `cast_column` knows beside `object` and categories."""
    return dtype.kind in "biufcMm" or is_text_dtype(dtype)


def _cast_text(column: pd.Series[Any], dtype: Any, *, is_soft: bool) -> pd.Series[Any] | None:
    values = column.astype(object)
    missing = values.isna()
    if _kind_of_values(values) not in _TEXTS:
        if not is_soft:
            return None
        values = values.map(str)
    values = values.where(~missing, None)
    # Numpy's own text has no missing values, and every text takes the room of the longest: pandas holds objects.
    return values if dtype.kind == "U" and isinstance(dtype, np.dtype) else values.astype(dtype)


def _cast_booleans(column: pd.Series[Any], dtype: Any, *, is_text: bool) -> pd.Series[Any] | None:
    kind = _kind_of_values(column)
    values, missing = column.astype(object), column.isna()
    if kind == "string" and is_text:
        values = values.map(lambda value: _BOOLEANS.get(value.lower()), na_action="ignore")
        if bool((values.isna() & ~missing).any()):
            return None
    elif kind not in ("boolean", "empty"):
        return None
    if isinstance(dtype, np.dtype) and bool(missing.any()):
        return None
    return values.where(~missing, None).astype("boolean").astype(dtype)


def _cast_times(column: pd.Series[Any], dtype: Any) -> pd.Series[Any] | None:
    is_duration, has_zone = dtype.kind == "m", getattr(dtype, "tz", None) is not None
    missing = column.isna()
    try:
        if column.dtype.kind in "Mm":
            times = column
        elif _kind_of_values(column) == "string":
            texts = column.astype(object)
            # What differs in offsets is one column only in UTC.
            times = (
                pd.to_timedelta(texts, errors="coerce")
                if is_duration
                else pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=has_zone)
            )
        else:
            count = _cast_numbers(column, pd.Int64Dtype(), is_text=False, is_soft=False)
            if count is None:
                return None
            times = pd.to_timedelta(count, unit="ms") if is_duration else pd.to_datetime(count, unit="ms", utc=has_zone)
        zoned = getattr(times.dtype, "tz", None) is not None
        if times.dtype.kind != dtype.kind or zoned != has_zone or bool((times.isna() & ~missing).any()):
            return None
        cast = times.astype(dtype)
    except (ValueError, OverflowError, TypeError):
        # Out of the range of the unit, or texts with offsets beside texts without.
        return None
    is_same = (cast == times) | missing
    return cast if bool(is_same.all()) else None


def _cast_numbers(column: pd.Series[Any], dtype: Any, *, is_text: bool, is_soft: bool) -> pd.Series[Any] | None:
    plain = dtype if isinstance(dtype, np.dtype) else dtype.numpy_dtype
    numbers = _numbers(column, is_text=is_text, is_soft=is_soft)
    if numbers is None:
        return None
    missing = numbers.isna().to_numpy()
    if missing.any() and plain.kind in "iu" and isinstance(dtype, np.dtype):
        return None
    found: Any = numbers.dtype
    if isinstance(found, np.dtype):
        values = np.where(missing, 0, numbers.to_numpy()) if missing.any() else numbers.to_numpy()
    else:
        values = numbers.to_numpy(dtype=found.numpy_dtype, na_value=0)
    converted = cast_softly(values, plain) if is_soft else cast_exactly(values, plain)
    if converted is None or converted.dtype != plain:
        return None
    result = pd.Series(converted, index=column.index, name=column.name)
    if isinstance(dtype, np.dtype):
        return result.mask(missing) if missing.any() else result
    result = result.astype(dtype)
    return result.mask(missing, pd.NA) if missing.any() else result


def _numbers(column: pd.Series[Any], *, is_text: bool, is_soft: bool) -> pd.Series[Any] | None:
    """The column as numbers, of numpy or with missing values beside them; None if it holds something else."""
    if column.dtype.kind in "iufc" or (is_soft and column.dtype.kind == "b"):
        return column
    kind = _kind_of_values(column)
    if kind not in _NUMBERS and not (kind == "string" and is_text):
        return None
    numbers = pd.to_numeric(column.astype(object), errors="coerce", dtype_backend="numpy_nullable")
    if bool((numbers.isna() & column.notna()).any()):
        return None
    if kind != "string" or numbers.dtype.kind != "f":
        return numbers
    # pandas rounds some texts to a float beside the nearest; Python's own float does not.
    exact = column.astype(object).where(column.notna(), "nan").to_numpy().astype(np.float64)
    return pd.Series(exact, index=column.index)
