"""Frames ⇄ Parquet and Arrow: only plain values, and no more of them than the limits allow.

Sizes are added up from the headers of pages and messages before anything is decompressed. Text stays encoded until its
true size is known, for a dictionary of one long text can stand for it a million times.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jubako.descriptors._arrow_messages import measure_batch
from jubako.descriptors._frames_limits import FrameLimits
from jubako.descriptors._parquet_pages import list_pages
from jubako.errors import BadInput, InvalidArgument

_FILE_MAGIC = b"ARROW1\0\0"
# What a value takes that is an object of Python: a decimal, a date, a list.
_OBJECT_BYTES = 64
_VALUE_BYTES = 8
_EXTENSION_KEY = b"ARROW:extension:name"
_REFUSALS = (
    *(pa.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, NotImplementedError),
    *(OverflowError, MemoryError, RecursionError, AssertionError, struct.error),
)
_PLAIN_TYPES = (
    *(pa.types.is_null, pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_temporal),
    *(pa.types.is_string, pa.types.is_large_string, pa.types.is_duration),
)
# Their values become objects of Python.
_OBJECT_TYPES = (
    *(pa.types.is_decimal, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary),
    *(pa.types.is_date, pa.types.is_time),
)
_LIST_TYPES = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


def read_parquet(body: bytes, limits: FrameLimits) -> pd.DataFrame:
    """Return the frame of a Parquet file.

    Raises:
        BadInput: it is none, or holds types other than numbers, text, bytes, dates and lists of them.
        PayloadTooLarge: the frame would be larger than the limits.
    """
    try:
        metadata = pq.read_metadata(pa.BufferReader(body))
        _check_pages(body, metadata, limits)
        target = pq.ParquetFile(pa.BufferReader(body), metadata=metadata).schema_arrow
        _check_schema(target)
        leaves = [metadata.schema.column(position) for position in range(metadata.num_columns)]
        texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        file = pq.ParquetFile(pa.BufferReader(body), metadata=metadata, read_dictionary=texts)
        return _frame(file.read(use_threads=False), target, limits)
    except BadInput:
        raise
    except _REFUSALS as error:
        raise _refused("Parquet", error) from error


def read_arrow(body: bytes, limits: FrameLimits) -> pd.DataFrame:
    """Return the frame of an Arrow stream, or of an Arrow file, which is read as the stream that stands in it.

    Raises:
        BadInput: see `read_parquet`.
        PayloadTooLarge: see `read_parquet`.
    """
    try:
        stream = pa.py_buffer(body)
        if body.startswith(_FILE_MAGIC):
            stream = stream.slice(len(_FILE_MAGIC))
        _check_messages(stream, limits)
        with pa.ipc.open_stream(stream) as reader:
            _check_schema(reader.schema)
            limits.check_columns(len(reader.schema))
            table = reader.read_all()
        # What came is believed no more than what was written by hand: an offset can point anywhere.
        table.validate(full=True)
        return _frame(table, table.schema, limits)
    except BadInput:
        raise
    except _REFUSALS as error:
        raise _refused("Arrow", error) from error


def write_parquet(frame: pd.DataFrame) -> bytes:
    """Write a frame as a Parquet file; an index that is more than numbers of rows is a column.

    Raises:
        InvalidArgument: it holds what Parquet has no plain type for.
    """
    sink = pa.BufferOutputStream()
    with _telling():
        pq.write_table(_table(frame), sink)
    return _bytes(sink)


def write_arrow_stream(frame: pd.DataFrame) -> bytes:
    """Write a frame as an Arrow stream; see `write_parquet`."""
    return _write_messages(frame, pa.ipc.new_stream)


def write_arrow_file(frame: pd.DataFrame) -> bytes:
    """Write a frame as an Arrow file; see `write_parquet`."""
    return _write_messages(frame, pa.ipc.new_file)


def _write_messages(frame: pd.DataFrame, open_writer: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with _telling():
        table = _table(frame)
        with open_writer(sink, table.schema) as writer:
            writer.write_table(table)
    return _bytes(sink)


def _bytes(sink: Any) -> bytes:
    written: bytes = sink.getvalue().to_pybytes()
    return written


def _table(frame: pd.DataFrame) -> Any:
    table = pa.Table.from_pandas(frame)
    _check_schema(table.schema)
    return table


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    """Say of a frame that cannot be written what is wrong with it."""
    try:
        yield
    except _REFUSALS as error:
        raise InvalidArgument(
            "the frame cannot be written as Parquet or Arrow.",
            why=str(error)[:500],
            do="convert its columns to numbers, text, dates or lists of them",
        ) from error


def _refused(name: str, error: BaseException) -> BadInput:
    # Arrow's own words, without those of several lines about where in its sources it happened.
    reason = str(error).partition("\n")[0][:200]
    expected = f"{name} with columns of numbers, text, dates, or lists of them"
    return BadInput(f"the body cannot be read as {name}.", field="$", expected=expected, why=reason)


def _check_pages(body: bytes, metadata: Any, limits: FrameLimits) -> None:
    """Add up what every page says that it becomes, and every value at its width."""
    limits.check_cells(metadata.num_rows, metadata.num_columns)
    widths = [max(_VALUE_BYTES, metadata.schema.column(column).length) for column in range(metadata.num_columns)]
    size_bytes = value_bytes = 0
    for column, page in list_pages(body):
        size_bytes += page.uncompressed_bytes
        value_bytes += page.values * widths[column]
        limits.check_decoded(max(size_bytes, value_bytes))


def _check_messages(stream: Any, limits: FrameLimits) -> None:
    reader = pa.ipc.MessageReader.open_stream(stream)
    values = size_bytes = 0
    while True:
        try:
            message = reader.read_next_message()
        except StopIteration:
            return
        if message.type in ("record batch", "dictionary"):
            is_dictionary = message.type == "dictionary"
            body = message.body
            added, added_bytes = measure_batch(
                message.metadata, b"" if body is None else body, is_dictionary=is_dictionary
            )
            values, size_bytes = values + added, size_bytes + added_bytes
            limits.check_decoded(max(size_bytes, values * _VALUE_BYTES))


def _check_schema(schema: Any) -> None:
    names: set[str] = set()
    for field in schema:
        if field.name in names:
            message = f"column {field.name[:80]!r} stands twice."
            raise BadInput(message, field=field.name[:80], expected="every column once")
        names.add(field.name)
        _check_field(field, field.name)


def _check_field(field: Any, column: str) -> None:
    kind = field.type
    is_extension = isinstance(kind, pa.BaseExtensionType) or _EXTENSION_KEY in (field.metadata or {})
    if not is_extension:
        if any(is_kind(kind) for is_kind in _LIST_TYPES):
            return _check_field(kind.value_field, column)
        if pa.types.is_struct(kind):
            for position in range(kind.num_fields):
                _check_field(kind.field(position), column)
            return None
        plain = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not pa.types.is_interval(plain) and any(is_kind(plain) for is_kind in (*_PLAIN_TYPES, *_OBJECT_TYPES)):
            return None
    raise BadInput(
        f"column {column[:80]!r} has the type {str(kind)[:80]}, which is not taken.",
        field=column[:80],
        expected="numbers, text, bytes, dates, times, or lists of them",
    )


def _frame(table: Any, target: Any, limits: FrameLimits) -> pd.DataFrame:
    """The frame of a table whose texts may be encoded as dictionaries where the target has plain ones."""
    limits.check_cells(table.num_rows, table.num_columns)
    limits.check_decoded(sum(_dense_bytes(chunk) for column in table.columns for chunk in column.chunks))
    frame: pd.DataFrame = (table if table.schema.equals(target) else table.cast(target)).to_pandas(use_threads=False)
    return frame


def _dense_bytes(array: Any) -> int:
    """What the values of an array take once no dictionary stands for them."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        if pa.types.is_fixed_size_binary(kind.value_type):
            return int(len(array) * max(kind.value_type.byte_width, _VALUE_BYTES))
        if not any(is_kind(kind.value_type) for is_kind in (pa.types.is_string, pa.types.is_large_string)):
            return int(len(array) * _OBJECT_BYTES)
        lengths = pc.take(pc.binary_length(array.dictionary), array.indices)
        return int(pc.sum(lengths).as_py() or 0) + int(array.dictionary.nbytes) + len(array) * _VALUE_BYTES
    if any(is_kind(kind) for is_kind in _LIST_TYPES):
        return int(len(array) * _OBJECT_BYTES) + _dense_bytes(array.values)
    if pa.types.is_struct(kind):
        parts = (array.field(position) for position in range(kind.num_fields))
        return int(len(array) * _OBJECT_BYTES) + sum(map(_dense_bytes, parts))
    per_value = _OBJECT_BYTES if any(is_kind(kind) for is_kind in _OBJECT_TYPES) else _VALUE_BYTES
    return max(int(array.nbytes), len(array) * per_value)
