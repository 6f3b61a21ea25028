"""`PandasDataFrame`: frames as JSON, CSV, Parquet and Arrow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import pandas as pd

from jubako._references import load_reference
from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.descriptors._frames_checks import (
    FrameDeclaration,
    Mistake,
    check_columns,
    check_dtypes,
    check_enforced,
    check_lengths,
)
from jubako.descriptors._frames_csv import read_csv, write_csv
from jubako.descriptors._frames_json import FRAME_ORIENTS, read_frame, write_frame
from jubako.descriptors._frames_limits import FrameLimits
from jubako.descriptors._frames_schema import describe_fragment, describe_frame
from jubako.descriptors._json_text import dump_json, parse_json
from jubako.descriptors.media_types import JSON_MEDIA_TYPE, choose_media_type, find_media_type
from jubako.errors import BadInput, InvalidArgument, MissingDependency

CSV_MEDIA_TYPE = "text/csv"
PARQUET_MEDIA_TYPE = "application/vnd.apache.parquet"
# What the reference sends and takes Parquet as.
BYTES_MEDIA_TYPE = "application/octet-stream"
ARROW_STREAM_MEDIA_TYPE = "application/vnd.apache.arrow.stream"
ARROW_FILE_MEDIA_TYPE = "application/vnd.apache.arrow.file"
DEFAULT_MAX_COLUMNS = 10_000
DEFAULT_MAX_DECODED_BYTES = 256 * 2**20

_MAIN_MEDIA_TYPES = {
    "json": JSON_MEDIA_TYPE,
    "csv": CSV_MEDIA_TYPE,
    "parquet": BYTES_MEDIA_TYPE,
    "arrow": ARROW_STREAM_MEDIA_TYPE,
}
_TEXT_MEDIA_TYPES = (JSON_MEDIA_TYPE, CSV_MEDIA_TYPE)
_ARROW = "jubako.descriptors._frames_arrow"
# Media type to the functions that read and write it; with pyarrow, which is imported when one of them comes.
_BINARY = {
    PARQUET_MEDIA_TYPE: (f"{_ARROW}:read_parquet", f"{_ARROW}:write_parquet"),
    BYTES_MEDIA_TYPE: (f"{_ARROW}:read_parquet", f"{_ARROW}:write_parquet"),
    ARROW_STREAM_MEDIA_TYPE: (f"{_ARROW}:read_arrow", f"{_ARROW}:write_arrow_stream"),
    ARROW_FILE_MEDIA_TYPE: (f"{_ARROW}:read_arrow", f"{_ARROW}:write_arrow_file"),
}


class PandasDataFrame(Descriptor):
    """A pandas frame, as JSON, CSV, or, where pyarrow is installed, Parquet or Arrow.

    Requests say by their content type which one they are (without one they are of the default format), and by the
    Accept header which one they want: `application/json` (of `orient`; null is a missing value), `text/csv` (with a
    header), `application/vnd.apache.parquet` (also `application/octet-stream`), `application/vnd.apache.arrow.stream`
    and `….file`. Arguments hold for requests and answers, whatever the format.

    In JSON a column has the dtype of its values, and nothing is guessed; answers write dates in ISO 8601, and numbers
    with all of their digits. CSV answers have the index only if it has a name.

    Args:
        orient: the form of the JSON, as pandas names it: "records", "split", "index", "columns", "values" or "table".
        apply_column_names: True gives the frame the names in `columns`: it is put in their order if it has them,
            and renamed by place if it has as many others. It is refused if it has some of them and not all, or another
            number of columns.
        columns: the names. Without `apply_column_names` a frame that has exactly these is put in their order, and every
            other is handed on as it is.
        dtype: one for all columns, or a mapping of names to dtypes; None, True and False declare nothing.
        enforce_dtype: True refuses columns that are missing, and values that their dtype cannot hold; records without a
            row have no names, and become the declared columns. False converts what can be converted, and hands on
            everything else as it is.
        shape: numbers of rows and columns, -1 for any. Without `enforce_shape` it is documentation.
        enforce_shape: True refuses other shapes.
        default_format: "json", "csv", "parquet" or "arrow"; answers have it if the Accept header names no other.
        max_columns: more are refused, for each costs time whatever stands in it.
        max_decoded_bytes: Parquet and Arrow that would take more once it is no longer compressed is refused. Sixteen
            times what the server lets a body have by default.

    Raises:
        InvalidArgument: the arguments describe nothing.
        MissingDependency: the default format needs pyarrow, which is not installed.
    """

    is_heavy = True

    def __init__(
        self,
        orient: str = "records",
        apply_column_names: bool = False,
        columns: Sequence[Any] | None = None,
        dtype: Any = None,
        enforce_dtype: bool = False,
        shape: Sequence[int] | None = None,
        enforce_shape: bool = False,
        default_format: str = "json",
        *,
        max_columns: int = DEFAULT_MAX_COLUMNS,
        max_decoded_bytes: int = DEFAULT_MAX_DECODED_BYTES,
    ) -> None:
        if orient not in FRAME_ORIENTS:
            raise InvalidArgument(f"orient {orient!r} is unknown.", do=f"use one of {', '.join(FRAME_ORIENTS)}")
        if min(max_columns, max_decoded_bytes) < 1:
            raise InvalidArgument("max_columns and max_decoded_bytes are 1 at least.", do="give larger ones")
        self._orient = orient
        self._declared = FrameDeclaration(
            columns=check_columns(columns),
            apply_column_names=apply_column_names,
            dtype=check_dtypes(dtype),
            enforce_dtype=enforce_dtype,
            shape=check_lengths(shape, "frame", 2),
            enforce_shape=enforce_shape,
        )
        check_enforced(
            apply_column_names=(apply_column_names, self._declared.columns, "columns"),
            enforce_dtype=(enforce_dtype, self._declared.dtype, "dtype"),
            enforce_shape=(enforce_shape, self._declared.shape, "shape"),
        )
        self.media_types = _offered(default_format)
        self._default_format = default_format
        self._fragment = describe_fragment(dtype)
        self._max_columns, self._max_decoded_bytes = max_columns, max_decoded_bytes

    @classmethod
    def from_sample(
        cls,
        sample_input: pd.DataFrame,
        orient: str = "records",
        apply_column_names: bool = True,
        enforce_shape: bool = True,
        enforce_dtype: bool = False,
        default_format: str = "json",
    ) -> PandasDataFrame:
        """Describe frames of the columns of a sample, with any number of rows.

        Args:
            sample_input: the sample; its names are taken as text.
            orient: see the class.
            apply_column_names: see the class.
            enforce_shape: refuses another number of columns.
            enforce_dtype: refuses values that the sample's dtypes cannot hold.
            default_format: see the class.

        Raises:
            InvalidArgument: the sample is no frame, or has columns of dtypes that no request has.
        """
        if not isinstance(sample_input, pd.DataFrame):
            kind = type(sample_input).__name__
            raise InvalidArgument(f"a sample is a pandas frame, not {kind}.", do="give a pandas.DataFrame")
        names = [str(name) for name in sample_input.columns]
        return cls(
            orient=orient,
            apply_column_names=apply_column_names,
            columns=names,
            dtype=dict(zip(names, sample_input.dtypes, strict=True)) if enforce_dtype else None,
            enforce_dtype=enforce_dtype,
            shape=(-1, len(names)),
            enforce_shape=enforce_shape,
            default_format=default_format,
        )

    def decode(self, body: bytes, content_type: str) -> pd.DataFrame:
        """Return the body's frame; see `Descriptor.decode`."""
        media_type = find_media_type(content_type, self.media_types)
        limits = FrameLimits(len(body), self._max_columns, self._max_decoded_bytes)
        if media_type == JSON_MEDIA_TYPE:
            frame = read_frame(parse_json(body), self._orient, limits)
        elif media_type == CSV_MEDIA_TYPE:
            frame = read_csv(body, self._declared.dtype_of, limits)
        else:
            read: Callable[[bytes, FrameLimits], pd.DataFrame] = load_reference(_BINARY[media_type][0])
            frame = read(body, limits)
        orient = self._orient if media_type == JSON_MEDIA_TYPE else ""
        frame, mistake = self._declared.conform(frame, is_text=media_type == CSV_MEDIA_TYPE, orient=orient)
        if mistake is not None:
            raise BadInput(mistake.message, field=mistake.field, expected=mistake.expected)
        return frame

    def encode(self, value: Any, accept: str = "") -> EncodedBody:
        """Write a frame; see `Descriptor.encode`.

        A frame that the format which the Accept header names cannot hold, such as columns of several types in Parquet,
        is written in the default format: what a client likes makes no error of a result.
        """
        frame = self._checked(value)
        media_type, main = choose_media_type(accept, self.media_types), self.media_types[0]
        try:
            return self._write(frame, media_type)
        except InvalidArgument:
            if media_type == main:
                raise
            return self._write(frame, main)

    def encode_item(self, value: Any) -> bytes:
        """Write one frame of a stream as a line of JSON, whatever the default format."""
        return dump_json(write_frame(self._checked(value), self._orient)) + b"\n"

    def openapi_schema(self) -> dict[str, Any]:
        """What the frame is as JSON of its orient; or text, or bytes, by the default format."""
        return self._schema(self.media_types[0])

    def openapi_schema_type(self) -> dict[str, Any]:
        """The schema as BentoML 1.0 writes it: an object, with a list for each column that has a dtype."""
        return self._fragment

    def openapi_request_schema(self) -> dict[str, Any]:
        """As BentoML 1.0 answers; `openapi_request_content` says all, and says it exactly."""
        return {self.media_types[0]: {"schema": self._fragment}}

    def openapi_responses_schema(self) -> dict[str, Any]:
        """As BentoML 1.0 answers; `openapi_responses_content` says all, and says it exactly."""
        return {self.media_types[0]: {"schema": self._fragment}}

    def openapi_request_content(self) -> dict[str, Any]:
        """The schema of every media type."""
        return {media_type: {"schema": self._schema(media_type)} for media_type in self.media_types}

    def openapi_responses_content(self) -> dict[str, Any]:
        """The schema of every media type."""
        return self.openapi_request_content()

    def __repr__(self) -> str:
        declared = self._declared
        parts = [f"orient={self._orient!r}"]
        parts += ["apply_column_names=True"] if declared.apply_column_names else []
        parts += [] if declared.columns is None else [f"columns={list(declared.columns)!r}"]
        if isinstance(declared.dtype, Mapping):
            parts.append(f"dtype={ {name: str(dtype) for name, dtype in declared.dtype.items()}!r}")
        elif declared.dtype is not None:
            parts.append(f"dtype={str(declared.dtype)!r}")
        parts += ["enforce_dtype=True"] if declared.enforce_dtype else []
        parts += [] if declared.shape is None else [f"shape={declared.shape}"]
        parts += ["enforce_shape=True"] if declared.enforce_shape else []
        return f"PandasDataFrame({', '.join(parts)}, default_format={self._default_format!r})"

    def _schema(self, media_type: str) -> dict[str, Any]:
        if media_type == JSON_MEDIA_TYPE:
            return describe_frame(self._orient, self._declared)
        return {"type": "string"} if media_type == CSV_MEDIA_TYPE else {"type": "string", "format": "binary"}

    def _write(self, frame: pd.DataFrame, media_type: str) -> EncodedBody:
        if media_type == JSON_MEDIA_TYPE:
            return EncodedBody(dump_json(write_frame(frame, self._orient)), media_type)
        if media_type == CSV_MEDIA_TYPE:
            return EncodedBody(write_csv(frame), f"{CSV_MEDIA_TYPE}; charset=utf-8")
        write: Callable[[pd.DataFrame], bytes] = load_reference(_BINARY[media_type][1])
        return EncodedBody(write(frame), media_type)

    def _checked(self, value: Any) -> pd.DataFrame:
        if not isinstance(value, pd.DataFrame):
            raise InvalidArgument(
                f"an API with output {self!r} returned {type(value).__name__}.",
                why="It returns a pandas frame.",
                do="return a pandas.DataFrame, or declare another output",
            )
        frame, mistake = self._declared.conform(value, is_text=False)
        if mistake is not None:
            raise _service_fault(self, mistake)
        return frame


def _service_fault(descriptor: PandasDataFrame, mistake: Mistake) -> InvalidArgument:
    return InvalidArgument(
        f"an API with output {descriptor!r} returned another: {mistake.message}", why=f"Expected {mistake.expected}."
    )


def _offered(default_format: str) -> tuple[str, ...]:
    """The media types, that of the default format first."""
    main = _MAIN_MEDIA_TYPES.get(default_format)
    if main is None:
        known = ", ".join(_MAIN_MEDIA_TYPES)
        raise InvalidArgument(f"default format {default_format!r} is unknown.", do=f"use one of {known}")
    has_arrow = find_spec("pyarrow") is not None
    if main in _BINARY and not has_arrow:
        raise MissingDependency(
            f"frames cannot be {default_format}.",
            why="That needs the package 'pyarrow', which is not installed.",
            do="pip install 'jubako[parquet]'",
        )
    offered = (*_TEXT_MEDIA_TYPES, *(_BINARY if has_arrow else ()))
    return (main, *(media_type for media_type in offered if media_type != main))
