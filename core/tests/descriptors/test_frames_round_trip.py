"""Laws: what `PandasDataFrame` and `PandasSeries` write, they read; in every format, for values of every dtype."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pd = pytest.importorskip("pandas")
np = pytest.importorskip("numpy")

from jubako.io import PandasDataFrame, PandasSeries  # noqa: E402 pandas may be missing

ORIENTS = ["records", "split", "index", "columns", "values", "table"]
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
NAMES = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=6), min_size=1, max_size=4, unique=True)
DAYS = st.datetimes(*(dt.datetime(year, 1, 1) for year in (1700, 2200)))  # noqa: DTZ001 hypothesis adds none


def whole(bits, *, signed=True):
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else st.integers(0, 2**bits - 1)


def missing(values):
    return st.none() | values


KINDS = {
    "int8": whole(8),
    "int64": whole(64),
    "uint16": whole(16, signed=False),
    "uint64": whole(64, signed=False),
    "float32": missing(st.floats(width=32, allow_infinity=False)),
    "float64": missing(st.floats(allow_infinity=False)),
    "bool": st.booleans(),
    "str": missing(TEXTS),
    "string": missing(TEXTS),
    "Int64": missing(whole(64)),
    "UInt64": missing(whole(64, signed=False)),
    "boolean": missing(st.booleans()),
    "datetime64[ns]": missing(DAYS),
    "datetime64[us]": missing(DAYS),
    "datetime64[ns, UTC]": missing(DAYS.map(lambda day: day.replace(tzinfo=dt.UTC))),
    "timedelta64[ns]": missing(st.timedeltas(dt.timedelta(-10000), dt.timedelta(10000))),
    "category": missing(st.sampled_from(["a", "Ä", "NA"])),
}


def column(values, kind):
    if kind == "category":
        return pd.Series(pd.Categorical(values, categories=["a", "Ä", "NA"]))
    if kind == "str":
        # Before pandas 3 text is in columns of objects.
        return pd.Series([None if value is None else value for value in values], dtype="str" if is_new() else object)
    if kind == "datetime64[ns, UTC]":
        return pd.Series(pd.to_datetime(values, utc=True)).astype(kind) if values else pd.Series([], dtype=kind)
    return pd.Series(values, dtype=kind)


def is_new():
    return int(pd.__version__.partition(".")[0]) >= 3


@st.composite
def frames(draw):
    rows = draw(st.sampled_from([0, 1, 2, 5]))
    names = draw(NAMES)
    kinds = [draw(st.sampled_from(sorted(KINDS))) for _ in names]
    data = {
        name: column(draw(st.lists(KINDS[kind], min_size=rows, max_size=rows)), kind)
        for name, kind in zip(names, kinds, strict=True)
    }
    return pd.DataFrame(data, columns=names, index=pd.RangeIndex(rows)), dict(zip(names, kinds, strict=True))


def check(back, frame):
    pd.testing.assert_frame_equal(back, frame, check_exact=True, check_column_type=False, check_index_type=False)


def described(frame, kinds, **options):
    # A column of objects says of itself nothing that can be enforced.
    declared = {name: frame[name].dtype if kind == "category" else kind for name, kind in kinds.items()}
    return PandasDataFrame(
        columns=list(frame.columns), apply_column_names=True, dtype=declared, enforce_dtype=True, **options
    )


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(frames(), st.sampled_from(ORIENTS))
def test_every_frame_comes_back_from_json_of_every_orient(drawn, orient):
    frame, kinds = drawn
    if orient == "table" and "index" in frame:
        return
    descriptor = described(frame, kinds, orient=orient)
    encoded = descriptor.encode(frame)
    check(descriptor.decode(encoded.body, encoded.content_type), frame)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(frames())
def test_every_frame_comes_back_from_csv(drawn):
    frame, kinds = drawn
    if any("\0" in name for name in frame):
        return
    descriptor = described(frame, kinds, default_format="csv")
    encoded = descriptor.encode(frame)
    check(descriptor.decode(encoded.body, encoded.content_type), frame)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    frames(),
    st.sampled_from(
        [
            "application/vnd.apache.parquet",
            "application/octet-stream",
            "application/vnd.apache.arrow.stream",
            "application/vnd.apache.arrow.file",
        ]
    ),
)
def test_every_frame_comes_back_from_parquet_and_arrow_without_a_declaration(drawn, media_type):
    pytest.importorskip("pyarrow")
    frame, kinds = drawn
    descriptor = PandasDataFrame()
    encoded = descriptor.encode(frame, media_type)
    assert encoded.content_type == media_type
    back = descriptor.decode(encoded.body, encoded.content_type)
    assert list(back) == list(frame)
    # Parquet keeps no categories of a column without values.
    kept = [name for name, kind in kinds.items() if kind != "category" or len(frame)]
    check(back[kept], frame[kept])


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(KINDS)), st.sampled_from(["records", "split", "index", "values", "table"]), st.data())
def test_every_series_comes_back(kind, orient, data):
    series = column(data.draw(st.lists(KINDS[kind], max_size=5)), kind)
    descriptor = PandasSeries(orient, series.dtype if kind == "category" else kind, enforce_dtype=True)
    encoded = descriptor.encode(series)
    back = descriptor.decode(encoded.body, encoded.content_type)
    pd.testing.assert_series_equal(back, series, check_exact=True, check_names=False, check_index_type=False)


PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | TEXTS


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.fixed_dictionaries({"a": PLAIN, "b": PLAIN}), min_size=1, max_size=4))
def test_no_value_of_json_is_changed_by_becoming_a_column(rows):
    frame = PandasDataFrame().decode(PandasDataFrame().encode(pd.DataFrame(rows, dtype=object)).body, "")
    for position, row in enumerate(rows):
        for name, value in row.items():
            found = frame[name].iloc[position]
            if value is None or value in (float("inf"), float("-inf")):
                assert pd.isna(found)
            else:
                # Among floats a whole number is one, as near as can be.
                assert found == value or float(found) == float(value)
