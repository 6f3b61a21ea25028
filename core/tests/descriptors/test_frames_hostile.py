"""Parquet and Arrow that lie about their size, or hold what a frame cannot have."""

from __future__ import annotations

import contextlib
import io
import struct
import tracemalloc

import pytest

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")
np = pytest.importorskip("numpy")
pc = pytest.importorskip("pyarrow.compute")
pq = pytest.importorskip("pyarrow.parquet")

from hypothesis import given, settings  # noqa: E402 pandas and pyarrow may be missing
from hypothesis import strategies as st  # noqa: E402

from jubako.descriptors._parquet_pages import read_page_header  # noqa: E402
from jubako.descriptors._thrift import Damaged  # noqa: E402
from jubako.errors import BadInput, PayloadTooLarge  # noqa: E402
from jubako.io import PandasDataFrame  # noqa: E402

PARQUET = "application/vnd.apache.parquet"
STREAM = "application/vnd.apache.arrow.stream"
FILE = "application/vnd.apache.arrow.file"
LIMIT = 4 * 2**20


def parquet(table, **options):
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def stream(table, compression=None, open_writer=None):
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with (open_writer or pa.ipc.new_stream)(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def read(body, media_type):
    return PandasDataFrame(max_decoded_bytes=LIMIT).decode(body, media_type)


ZEROS = pa.table({"a": np.zeros(2**20, "int64")})
# A million times one text of a kilobyte.
ONE_TEXT = pa.table({"a": pa.DictionaryArray.from_arrays(pa.array(np.zeros(2**20, "int32")), pa.array(["x" * 1024]))})
LONG_TEXT = pa.table({"a": ["x" * 2**23]})
NULLS = pa.table({"a": pa.nulls(2**20)})
MANY_IN_LISTS = pa.table({"a": pa.ListArray.from_arrays(pa.array([0, 2**20], "int32"), pa.nulls(2**20, "int64"))})
FIXED = pa.table({"a": pa.array([b"x" * 1024], pa.binary(1024)).take(pa.array(np.zeros(2**13, "int32")))})


@pytest.mark.parametrize(
    "body",
    [
        parquet(ZEROS, compression="zstd"),
        parquet(ZEROS, use_dictionary=False, column_encoding="DELTA_BINARY_PACKED"),
        parquet(ONE_TEXT, store_schema=False),
        parquet(ONE_TEXT),
        parquet(LONG_TEXT, compression="gzip"),
        parquet(NULLS),
        parquet(MANY_IN_LISTS),
        parquet(FIXED),
        parquet(pa.table({"a": pa.array([["x" * 1024] * 2**13])})),
    ],
)
def test_parquet_that_would_become_large_is_refused_before_it_does(body):
    assert len(body) < LIMIT / 16
    tracemalloc.start()
    held = pa.total_allocated_bytes()
    with pytest.raises(PayloadTooLarge, match="would become") as caught:
        read(body, PARQUET)
    assert "no longer compressed" in caught.value.expected
    assert tracemalloc.get_traced_memory()[1] < LIMIT
    assert pa.total_allocated_bytes() - held < LIMIT
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("table", "compression"),
    [(LONG_TEXT, "zstd"), (ZEROS, "lz4"), (NULLS, None), (ONE_TEXT, "zstd"), (MANY_IN_LISTS, "zstd")],
)
def test_arrow_that_would_become_large_is_refused_before_it_does(table, compression):
    for body, media_type in ((stream(table, compression), STREAM), (stream(table, compression, pa.ipc.new_file), FILE)):
        with pytest.raises(PayloadTooLarge, match="would become"):
            read(body, media_type)


def test_what_is_compressed_and_not_large_is_taken():
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    for compression in ("zstd", "lz4"):
        assert read(stream(table, compression), STREAM)["a"].tolist() == [1, 2]
        assert read(stream(table, compression, pa.ipc.new_file), FILE)["a"].tolist() == [1, 2]
    for compression in ("none", "snappy", "gzip", "brotli", "zstd", "lz4"):
        for version in ("1.0", "2.0"):
            body = parquet(table, compression=compression, data_page_version=version)
            assert read(body, PARQUET)["a"].tolist() == [1, 2]


def test_texts_that_repeat_the_one_before_them_are_refused():
    body = parquet(pa.table({"a": ["x" * 100] * 3}), use_dictionary=False, column_encoding="DELTA_BYTE_ARRAY")
    with pytest.raises(BadInput, match="DELTA_BYTE_ARRAY, which is not taken"):
        read(body, PARQUET)


def test_a_page_that_says_more_than_the_footer_is_found():
    # The size of the one page is in its header, as a number of Thrift: 16 bytes are the byte 0x20.
    body = parquet(
        pa.table({"a": pa.array([1, 2], "int64")}), use_dictionary=False, compression="none", write_statistics=False
    )
    at = body.index(b"\x15\x00\x15") + 3
    page = read_page_header(body, 4)
    size = 2 * page.uncompressed_bytes
    assert body[at] == size
    # Five bytes for one would move the footer; a number of seven bits that is far too large is enough.
    forged = body[:at] + bytes([0x7E]) + body[at + 1 :]
    assert read_page_header(forged, 4).uncompressed_bytes == 63
    with pytest.raises(BadInput):
        PandasDataFrame(max_decoded_bytes=62).decode(forged, PARQUET)


@settings(deadline=None)
@given(st.binary(max_size=64))
def test_any_bytes_are_the_header_of_a_page_or_damaged(body):
    try:
        page = read_page_header(body, 0)
    except Damaged:
        return
    assert min(page.header_bytes, page.compressed_bytes + 1, page.uncompressed_bytes + 1, page.values + 1) > 0


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.map_(pa.string(), pa.int64()), [[("a", 1)]]),
        (pa.run_end_encoded(pa.int32(), pa.int64()), None),
        (pa.string_view(), ["x"]),
        (pa.month_day_nano_interval(), [(1, 2, 3)]),
        (pa.dense_union([pa.field("a", pa.int64())]), None),
    ],
)
def test_types_that_are_no_columns_are_refused(kind, value):
    array = pa.array(value, kind) if value is not None else _unusual(kind)
    with pytest.raises(BadInput, match=r"column 'a' has the type .*which is not taken") as caught:
        read(stream(pa.table({"a": array})), STREAM)
    assert caught.value.field == "a"


def _unusual(kind):
    if pa.types.is_run_end_encoded(kind):
        return pc.run_end_encode(pa.array([1, 1]))
    return pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])], ["a"])


# Of old releases of pyarrow, which do not unpickle it either.
@pytest.mark.filterwarnings("ignore:.*PyExtensionType")
@pytest.mark.parametrize("registered", [True, False])
def test_types_of_extensions_are_refused(registered):
    if registered:
        table = pa.Table.from_pandas(pd.DataFrame({"a": pd.period_range("2020", periods=2)}))
    else:
        metadata = {
            b"ARROW:extension:name": b"arrow.py_extension_type",
            b"ARROW:extension:metadata": b"cos\nabort\n(tR.",
        }
        table = pa.table({"a": [1]}, schema=pa.schema([pa.field("a", pa.int64(), metadata=metadata)]))
        # Within lists too.
        inner = pa.field("item", pa.int64(), metadata=metadata)
        nested = pa.table({"a": pa.array([[1]], pa.list_(inner))})
        with pytest.raises(BadInput, match="not taken"):
            read(stream(nested), STREAM)
    for body, media_type in ((stream(table), STREAM), (parquet(table), PARQUET)):
        with pytest.raises(BadInput, match="not taken"):
            read(body, media_type)


def test_columns_named_twice_are_refused():
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    for body, media_type in ((stream(table), STREAM), (parquet(table), PARQUET)):
        with pytest.raises(BadInput, match="column 'a' stands twice"):
            read(body, media_type)


def test_too_many_columns_are_refused():
    table = pa.table({str(number): [1] for number in range(50)})
    for body, media_type in ((stream(table), STREAM), (parquet(table), PARQUET)):
        with pytest.raises(PayloadTooLarge, match="has 50 columns"):
            PandasDataFrame(max_columns=49).decode(body, media_type)


def test_offsets_that_point_elsewhere_are_refused():
    body = stream(pa.table({"a": ["xyz", "uvw"]}))
    offsets = struct.pack("<iii", 0, 3, 6)
    assert body.count(offsets) == 1
    with pytest.raises(BadInput, match="cannot be read as Arrow"):
        read(body.replace(offsets, struct.pack("<iii", 0, 3, 2**30)), STREAM)


GOOD = pd.DataFrame(
    {"a": [1, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"]), "d": [[1], [2, 3]]}, index=["r", "s"]
)
BODIES = {media_type: PandasDataFrame().encode(GOOD, media_type).body for media_type in (PARQUET, STREAM, FILE)}


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(sorted(BODIES)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, 8),
)
def test_a_body_with_changed_bytes_is_read_or_refused(media_type, changes, cut):
    body = bytearray(BODIES[media_type])
    for place, value in changes:
        body[int(place * len(body))] = value
    with contextlib.suppress(BadInput):
        assert isinstance(read(bytes(body[: len(body) - cut]), media_type), pd.DataFrame)


def test_a_damaged_description_of_a_column_is_refused_and_ends_no_process():
    # pyarrow's own look at such a description calls abort(), so each byte of the footer is tried.
    body = parquet(pa.table({"a": pa.array([[1], [2, 3]])}), compression="none", store_schema=False)
    start = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    for place in range(start, len(body) - 8):
        changed = body[:place] + bytes([body[place] ^ 0x10]) + body[place + 1 :]
        with contextlib.suppress(BadInput):
            read(changed, PARQUET)
