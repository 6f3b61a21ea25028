"""`PandasSeries`: series as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.descriptors._frames_checks import Mistake, check_dtypes, check_enforced, check_lengths
from jubako.descriptors._frames_columns import cast_column, find_misfit_row
from jubako.descriptors._frames_limits import FrameLimits
from jubako.descriptors._frames_schema import describe_fragment, describe_series
from jubako.descriptors._json_text import dump_json, parse_json
from jubako.descriptors._series_json import SERIES_ORIENTS, read_series, write_series
from jubako.descriptors.media_types import JSON_MEDIA_TYPE, check_json_media_type
from jubako.errors import BadInput, InvalidArgument

_MOST_COLUMNS = 2


class PandasSeries(Descriptor):
    """A pandas series, as JSON: a list of values, or what `orient` says.

    Takes `application/json`, `application/…+json` and requests without a content type. `null` is a missing value;
    nothing is guessed, and answers write dates in ISO 8601 and numbers with all of their digits.

    Args:
        orient: the form of the JSON, as pandas names it: "records" and "values" (a list of values; for "records" also a
            list of objects with one name, the same in all), "index" (an object of labels and values), "split" or
            "table".
        dtype: of the values, or a mapping of the one name to it; None, True and False declare nothing.
        enforce_dtype: True refuses values that `dtype` cannot hold. False converts what can be converted, and hands on
            everything else as it is.
        shape: the number of values, as a tuple of one; -1 for any. Without `enforce_shape` it is documentation.
        enforce_shape: True refuses other numbers of values.

    Raises:
        InvalidArgument: the arguments describe nothing.
    """

    media_types = (JSON_MEDIA_TYPE,)

    def __init__(
        self,
        orient: str = "records",
        dtype: Any = None,
        enforce_dtype: bool = False,
        shape: Sequence[int] | None = None,
        enforce_shape: bool = False,
    ) -> None:
        if orient not in SERIES_ORIENTS:
            raise InvalidArgument(f"orient {orient!r} is unknown.", do=f"use one of {', '.join(SERIES_ORIENTS)}")
        self._orient = orient
        self._dtype = check_dtypes(dtype)
        if isinstance(self._dtype, dict):
            if len(self._dtype) != 1:
                raise InvalidArgument("a series has one dtype, not one for each name.", do="give dtype='float64'")
            self._dtype = next(iter(self._dtype.values()))
        self._shape = check_lengths(shape, "series", 1)
        self._enforce_dtype, self._enforce_shape = enforce_dtype, enforce_shape
        check_enforced(
            enforce_dtype=(enforce_dtype, self._dtype, "dtype"), enforce_shape=(enforce_shape, self._shape, "shape")
        )
        self._fragment = describe_fragment(dtype)

    @classmethod
    def from_sample(
        cls,
        sample_input: pd.Series[Any],
        orient: str = "records",
        enforce_dtype: bool = True,
        enforce_shape: bool = False,
    ) -> PandasSeries:
        """Describe series of the dtype of a sample.

        Args:
            sample_input: the sample.
            orient: see the class.
            enforce_dtype: refuses values that the sample's dtype cannot hold.
            enforce_shape: refuses another number of values than the sample has.

        Raises:
            InvalidArgument: the sample is no series, or of a dtype that no request has.
        """
        if not isinstance(sample_input, pd.Series):
            kind = type(sample_input).__name__
            raise InvalidArgument(f"a sample is a pandas series, not {kind}.", do="give a pandas.Series")
        length = len(sample_input) if enforce_shape else -1
        return cls(orient, sample_input.dtype, enforce_dtype, (length,), enforce_shape)

    def decode(self, body: bytes, content_type: str) -> pd.Series[Any]:
        """Return the body's series; see `Descriptor.decode`."""
        check_json_media_type(content_type)
        limits = FrameLimits(len(body), _MOST_COLUMNS, len(body))
        series, mistake = self._conform(read_series(parse_json(body), self._orient, limits))
        if mistake is not None:
            raise BadInput(mistake.message, field=mistake.field, expected=mistake.expected)
        return series

    def encode(self, value: Any, accept: str = "") -> EncodedBody:
        """Write a series; see `Descriptor.encode`."""
        if not isinstance(value, pd.Series):
            raise InvalidArgument(
                f"an API with output {self!r} returned {type(value).__name__}.",
                why="It returns a pandas series.",
                do="return a pandas.Series, or declare another output",
            )
        series, mistake = self._conform(value)
        if mistake is not None:
            raise InvalidArgument(
                f"an API with output {self!r} returned another: {mistake.message}", why=f"Expected {mistake.expected}."
            )
        return EncodedBody(dump_json(write_series(series, self._orient)), JSON_MEDIA_TYPE)

    def openapi_schema(self) -> dict[str, Any]:
        """What the series is as JSON of its orient."""
        length = self._shape[0] if self._shape is not None and self._enforce_shape else -1
        return describe_series(self._orient, self._dtype, length, is_enforced=self._enforce_dtype)

    def openapi_schema_type(self) -> dict[str, Any]:
        """The schema as BentoML 1.0 writes it: an object."""
        return self._fragment

    def openapi_request_schema(self) -> dict[str, Any]:
        """As BentoML 1.0 answers; `openapi_request_content` says it exactly."""
        return {JSON_MEDIA_TYPE: {"schema": self._fragment}}

    def openapi_responses_schema(self) -> dict[str, Any]:
        """As BentoML 1.0 answers; `openapi_responses_content` says it exactly."""
        return {JSON_MEDIA_TYPE: {"schema": self._fragment}}

    def openapi_request_content(self) -> dict[str, Any]:
        """The schema of the orient."""
        return {JSON_MEDIA_TYPE: {"schema": self.openapi_schema()}}

    def openapi_responses_content(self) -> dict[str, Any]:
        """The schema of the orient."""
        return {JSON_MEDIA_TYPE: {"schema": self.openapi_schema()}}

    def __repr__(self) -> str:
        parts = [f"orient={self._orient!r}"]
        parts += [] if self._dtype is None else [f"dtype={str(self._dtype)!r}"]
        parts += ["enforce_dtype=True"] if self._enforce_dtype else []
        parts += [] if self._shape is None else [f"shape={self._shape}"]
        parts += ["enforce_shape=True"] if self._enforce_shape else []
        return f"PandasSeries({', '.join(parts)})"

    def _conform(self, series: pd.Series[Any]) -> tuple[pd.Series[Any], Mistake | None]:
        if self._shape is not None and self._enforce_shape and self._shape[0] not in (-1, len(series)):
            message = f"the series has {len(series)} values."
            return series, Mistake("$", message, f"{self._shape[0]} values")
        if self._dtype is None or series.dtype == self._dtype:
            return series, None
        cast = cast_column(series, self._dtype, is_text=False, is_soft=not self._enforce_dtype)
        if cast is not None or not self._enforce_dtype:
            return series if cast is None else cast, None
        field = f"$[{find_misfit_row(series, self._dtype, is_text=False)}]"
        message = f"the value at {field} does not fit dtype {self._dtype}."
        return series, Mistake(field, message, f"values of dtype {self._dtype}")
