"""Frames ⇄ CSV (RFC 4180) in UTF-8, with a header. Text is only text: `=1+1` is a cell of four characters.

Fields that are empty, or say NA, NaN, null or the like, are missing values; in columns that are declared as text only
empty ones are. Rows that are shorter than the header lack the last values; longer ones are refused.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any, Literal

import pandas as pd

from jubako.descriptors._frames_columns import is_text_dtype
from jubako.descriptors._frames_limits import FrameLimits
from jubako.errors import BadInput

# From 3.1 on pandas reads every digit by itself, and warns of the argument.
_EXACT_FLOATS: dict[str, Any] = (
    {} if tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1) else {"float_precision": "round_trip"}
)
_EXPECTED = "CSV in UTF-8 with a header, commas between fields, and no row longer than the header"
# What pandas takes for missing by itself.
_MISSING = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
)


def read_csv(body: bytes, dtype_of: Callable[[str], Any], limits: FrameLimits) -> pd.DataFrame:
    """Return the frame of a CSV file. Columns of a declared dtype are text, for `cast_column` to read.

    Args:
        body: the file.
        dtype_of: the declared dtype of a column, or None.
        limits: checked before room is made.

    Raises:
        BadInput: it is no CSV, or names a column twice.
        PayloadTooLarge: the frame would be larger than the limits.
    """
    if b"\0" in body:
        # To pandas a text ends there.
        raise BadInput("the body has a null character.", field="$", expected=_EXPECTED)
    try:
        names = _header(body)
        if not names:
            return pd.DataFrame()
        _check_size(body, len(names), limits)
        declared = {name: dtype_of(name) for name in names}
        frame: pd.DataFrame = pd.read_csv(
            io.BytesIO(body),
            names=names,
            header=0,
            dtype={name: str for name, dtype in declared.items() if dtype is not None},
            keep_default_na=False,
            na_values={name: [""] if _is_text(dtype) else list(_MISSING) for name, dtype in declared.items()},
            encoding="utf-8",
            compression=None,
            engine="c",
            **_EXACT_FLOATS,
            low_memory=False,
        )
    except BadInput:
        raise
    except (ValueError, OverflowError, csv.Error) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise BadInput("the body cannot be read as CSV.", field="$", expected=_EXPECTED, why=reason) from error
    if not isinstance(frame.index, pd.RangeIndex):
        # pandas takes what is too much for labels of the rows.
        raise BadInput("rows are longer than the header.", field="$", expected=_EXPECTED)
    return frame


def write_csv(frame: pd.DataFrame) -> bytes:
    """Write a frame with a header; its index only if that has a name, as columns before the others."""
    has_name = any(name is not None for name in frame.index.names)
    # A line that is blank, as that of one text alone can be, is no row to readers.
    is_one_text = frame.shape[1] == 1 and not has_name and not pd.api.types.is_numeric_dtype(frame.dtypes.iloc[0])
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if is_one_text else csv.QUOTE_MINIMAL
    return frame.to_csv(index=has_name, lineterminator="\r\n", quoting=quoting).encode()


def _is_text(dtype: Any) -> bool:
    if isinstance(dtype, pd.CategoricalDtype) and dtype.categories is not None:
        dtype = dtype.categories.dtype
    return dtype is not None and (is_text_dtype(dtype) or pd.api.types.is_object_dtype(dtype))


def _records(body: bytes) -> Any:
    return csv.reader(io.TextIOWrapper(io.BytesIO(body), encoding="utf-8-sig", newline=""))


def _header(body: bytes) -> list[str]:
    if not body:
        raise BadInput("the body is empty.", field="$", expected=_EXPECTED)
    # Empty lines alone are a frame without columns.
    header: list[str] = next((record for record in _records(body) if record), [])
    # An index that was written without a name has the name that pandas gives it.
    names = [name or f"Unnamed: {position}" for position, name in enumerate(header)]
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BadInput(f"column {name[:80]!r} stands twice.", field=name[:80], expected="every column once")
        seen.add(name)
    return names


def _check_size(body: bytes, columns: int, limits: FrameLimits) -> None:
    # Short rows cost an attacker little, and are filled up.
    rows = body.count(b"\n") + body.count(b"\r")
    if rows * columns > limits.body_bytes:
        # Ends of lines within texts are no rows.
        rows = sum(1 for _ in _records(body))
    limits.check(rows, columns)
