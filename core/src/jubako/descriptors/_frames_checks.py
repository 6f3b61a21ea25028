"""What an API declares of its frames, and whether one is so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import attrs
import pandas as pd

from jubako.descriptors._frames_columns import cast_column, check_column_dtype, find_misfit_row
from jubako.errors import InvalidArgument

_MOST_NAMED = 10
# In these JSON has [] or {} for every frame without rows, whatever its columns are.
_NAMELESS_WHEN_EMPTY = ("records", "index")


class Mistake(NamedTuple):
    """What is wrong: where, what, and what is expected."""

    field: str
    message: str
    expected: str


@attrs.frozen
class FrameDeclaration:
    """Names, dtypes and shape of frames; see `PandasDataFrame` for what each means.

    Args:
        columns: names in order, or None.
        apply_column_names: whether frames must have, or get, those names.
        dtype: one for all columns, or one for each name; None declares nothing.
        enforce_dtype: whether other values are a mistake.
        shape: rows and columns, -1 for any number; or None.
        enforce_shape: whether another shape is a mistake.
    """

    columns: tuple[Any, ...] | None
    apply_column_names: bool
    dtype: Any
    enforce_dtype: bool
    shape: tuple[int, ...] | None
    enforce_shape: bool

    def dtype_of(self, name: Any) -> Any:
        """The declared dtype of a column, or None."""
        return self.dtype.get(name) if isinstance(self.dtype, Mapping) else self.dtype

    def conform(self, frame: pd.DataFrame, *, is_text: bool, orient: str = "") -> tuple[pd.DataFrame, Mistake | None]:
        """Return the frame as declared; and the first mistake, if there is one.

        Args:
            frame: with each name once.
            is_text: it came from a format that has text only.
            orient: of the JSON that it came from, for the place of a mistake.
        """
        if not frame.columns.is_unique:
            name = str(frame.columns[frame.columns.duplicated()][0])[:80]
            return frame, Mistake(name, f"column {name!r} stands twice.", "every column once")
        mistake = None
        if self.columns is not None:
            frame, mistake = self._name(frame, self.columns, orient)
        if mistake is None and self.shape is not None and self.enforce_shape:
            mistake = _misfit_shape(frame.shape, self.shape)
        if mistake is None and self.dtype is not None:
            frame, mistake = self._cast(frame, is_text=is_text, orient=orient)
        return frame, mistake

    def _name(self, frame: pd.DataFrame, columns: tuple[Any, ...], orient: str) -> tuple[pd.DataFrame, Mistake | None]:
        if not frame.shape[1] and not len(frame):
            # JSON writes [] for every frame without rows.
            return pd.DataFrame(columns=list(columns)), None
        if orient == "values":
            return self._name_by_place(frame, columns)
        came, declared = [str(name) for name in frame.columns], [str(name) for name in columns]
        positions = {name: position for position, name in enumerate(came)}
        if positions.keys() == set(declared):
            if came != declared:
                frame = frame.iloc[:, [positions[name] for name in declared]]
            return _renamed(frame, columns) if self.apply_column_names else frame, None
        if not self.apply_column_names:
            return frame, None
        missing = [name for name in declared if name not in positions]
        if len(came) == len(declared) == len(missing):
            # None of the names is known: they are given by place.
            return _renamed(frame, columns), None
        unknown = sorted(positions.keys() - set(declared))
        problems = [
            f"{what} {', '.join(map(repr, names[:_MOST_NAMED]))}{', …' if len(names) > _MOST_NAMED else ''}"
            for what, names in (("lacks", missing), ("has the unknown", unknown))
            if names
        ]
        named = ", ".join(map(repr, declared[:_MOST_NAMED])) + (", …" if len(declared) > _MOST_NAMED else "")
        expected = f"the {len(declared)} columns {named}, in any order"
        field = missing[0] if missing else unknown[0]
        return frame, Mistake(field[:80], f"the frame {' and '.join(problems)[:500]}.", expected)

    def _name_by_place(self, frame: pd.DataFrame, columns: tuple[Any, ...]) -> tuple[pd.DataFrame, Mistake | None]:
        """Name columns that came without names, however much their numbers look like names."""
        if not self.apply_column_names:
            return frame, None
        if frame.shape[1] != len(columns):
            return frame, Mistake("$", f"the rows have {frame.shape[1]} values.", f"a value for each of {len(columns)}")
        return _renamed(frame, columns), None

    def _cast(self, frame: pd.DataFrame, *, is_text: bool, orient: str) -> tuple[pd.DataFrame, Mistake | None]:
        if isinstance(self.dtype, Mapping) and self.enforce_dtype:
            absent = [name for name in self.dtype if name not in frame.columns]
            if absent and not len(frame) and not frame.shape[1] and orient in _NAMELESS_WHEN_EMPTY:
                frame = pd.DataFrame(columns=absent)
            elif absent:
                name = str(absent[0])
                return frame, Mistake(name, f"column {name!r} is missing.", "every column that has a dtype")
        casts: dict[Any, pd.Series[Any]] = {}
        for name in frame.columns:
            dtype = self.dtype_of(name)
            if dtype is None or frame[name].dtype == dtype:
                continue
            cast = cast_column(frame[name], dtype, is_text=is_text, is_soft=not self.enforce_dtype)
            if cast is not None:
                casts[name] = cast
            elif self.enforce_dtype:
                row = find_misfit_row(frame[name], dtype, is_text=is_text)
                field = f"$[{row}].{name}" if orient == "records" else f"row {row}, column {str(name)[:80]!r}"
                message = f"the value at {field} does not fit dtype {dtype}."
                return frame, Mistake(field, message, f"values of dtype {dtype}")
        return _replaced(frame, casts), None


def check_columns(columns: Sequence[Any] | None) -> tuple[Any, ...] | None:
    """Return declared names as a tuple.

    Raises:
        InvalidArgument: they are no names, or one stands twice.
    """
    if columns is None:
        return None
    names = () if isinstance(columns, str) else tuple(columns)
    texts = [str(name) for name in names]
    if not names or len(set(texts)) < len(texts):
        raise InvalidArgument(f"columns {columns!r} are no names.", do='give each name once: columns=["a", "b"]')
    return names


def check_dtypes(dtype: Any) -> Any:
    """Return a declared dtype, or a mapping of names to them, as pandas names them; None for True and False.

    Raises:
        InvalidArgument: one of them is not known.
    """
    if dtype is None or isinstance(dtype, bool):
        return None
    if isinstance(dtype, Mapping):
        return {name: check_column_dtype(of_column) for name, of_column in dtype.items()}
    return check_column_dtype(dtype)


def check_lengths(shape: Sequence[int] | None, what: str, count: int) -> tuple[int, ...] | None:
    """Return a declared shape as a tuple.

    Raises:
        InvalidArgument: it is none of that many lengths.
    """
    if shape is None:
        return None
    lengths = (shape,) if isinstance(shape, int) else tuple(shape)
    if len(lengths) != count or not all(isinstance(length, int) and length >= -1 for length in lengths):
        example = ("(-1,)", "(-1, 4)")[count - 1]
        raise InvalidArgument(
            f"shape {shape!r} is not a shape of a {what}.", do=f"give whole numbers, -1 for any: {example}"
        )
    return lengths


def check_enforced(**declared: tuple[bool, Any, str]) -> None:
    """Refuse a rule without what it is about.

    Args:
        declared: an argument to whether it is set, what it is about, and the name of that.

    Raises:
        InvalidArgument: a rule is set, and what it is about is not.
    """
    for name, (is_set, value, about) in declared.items():
        if is_set and value is None:
            raise InvalidArgument(f"{name}=True has no {about} to enforce.", do=f"give {about}=… too")


def _misfit_shape(actual: tuple[int, int], declared: tuple[int, ...]) -> Mistake | None:
    if all(wanted in (-1, length) for wanted, length in zip(declared, actual, strict=True)):
        return None
    expected = f"shape {declared}: rows and columns, where -1 is any number"
    return Mistake("$", f"the frame has shape {actual}.", expected)


def _renamed(frame: pd.DataFrame, columns: tuple[Any, ...]) -> pd.DataFrame:
    return frame.set_axis(list(columns), axis="columns")


def _replaced(frame: pd.DataFrame, casts: Mapping[Any, pd.Series[Any]]) -> pd.DataFrame:
    """The frame with other columns in the places of some; the frame itself stays as it is."""
    if not casts:
        return frame
    columns = {name: casts.get(name, frame[name]) for name in frame.columns}
    return pd.DataFrame(columns, index=frame.index, columns=frame.columns)
