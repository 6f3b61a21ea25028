from __future__ import annotations

import json
import subprocess
import sys

import jsonschema_rs
import pytest

pd = pytest.importorskip("pandas")

from jubako.errors import BadInput, InvalidArgument, PayloadTooLarge, UnsupportedMediaType  # noqa: E402 pandas may be missing
from jubako.io import PandasDataFrame  # noqa: E402
from jubako.testing import DescriptorTests  # noqa: E402

JSON = "application/json"
CSV = "text/csv"
FRAME = pd.DataFrame({"a": [1, 2], "b": [0.5, None], "c": ["x", "=1+1"]})


def refusal(descriptor, body, content_type=JSON):
    with pytest.raises(BadInput) as caught:
        descriptor.decode(body if isinstance(body, bytes) else json.dumps(body).encode(), content_type)
    assert caught.value.expected
    return caught.value


def read(descriptor, value):
    return descriptor.decode(json.dumps(value).encode(), JSON)


class TestRecords(DescriptorTests):
    def descriptor(self):
        return PandasDataFrame()

    def values(self):
        return [FRAME, FRAME.iloc[:1], pd.DataFrame({"Ä": [2**63 - 1], "b": [True]}), pd.DataFrame()]

    def refused_bodies(self):
        return [b"", b"{", b"{}", b"[1]", b'[{"a":1},2]', b'[{"a":1,"a":2}]', b"\xff", b"[" * 2000 + b"]" * 2000]

    def refused_values(self):
        return [[{"a": 1}], FRAME["a"], None, pd.DataFrame([[1, 2]], columns=["a", "a"]), pd.DataFrame({"a": [1j]})]

    def same(self, left, right):
        return left.reset_index(drop=True).equals(right.reset_index(drop=True))


class TestCsv(TestRecords):
    def descriptor(self):
        return PandasDataFrame(default_format="csv")

    def values(self):
        return [FRAME, FRAME.iloc[:1], pd.DataFrame({"a,b": ['"', "\r\n"]})]

    def refused_bodies(self):
        return [b"", b"a,a\n1,2\n", b"a,b\n1,2,3\n", b"a\n\xff\n", b'a\n"x', b"a\0b\n1\n"]

    def refused_values(self):
        return [[{"a": 1}], pd.DataFrame([[1, 2]], columns=["a", "a"])]


class TestParquet(TestRecords):
    def descriptor(self):
        pytest.importorskip("pyarrow")
        return PandasDataFrame(default_format="parquet")

    def refused_bodies(self):
        return [b"", b"PAR1", b"PAR1" + bytes(40) + b"PAR1", b"[]"]

    def refused_values(self):
        return [None, pd.DataFrame({"a": pd.period_range("2020", periods=2)}), pd.DataFrame({"a": [1, "x"]})]


class TestArrow(TestParquet):
    def descriptor(self):
        pytest.importorskip("pyarrow")
        return PandasDataFrame(default_format="arrow")

    def refused_bodies(self):
        return [b"", b"ARROW1\0\0", b"\xff\xff\xff\xff\x10\0\0\0" + bytes(16), b"[]"]


class TestDeclared(TestRecords):
    def descriptor(self):
        return PandasDataFrame(
            columns=["a", "b"],
            apply_column_names=True,
            dtype="float64",
            enforce_dtype=True,
            shape=(-1, 2),
            enforce_shape=True,
        )

    def values(self):
        return [pd.DataFrame({"a": [1.0], "b": [0.5]}), pd.DataFrame({"a": [], "b": []}, dtype="float64")]

    def refused_bodies(self):
        return [b'[{"a":1}]', b'[{"a":1,"b":"x"}]', b'[{"a":1,"b":true}]', b'[{"a":1,"b":2,"c":3}]', b'[{"a":1,"c":2}]']

    def refused_values(self):
        return [FRAME, pd.DataFrame({"a": ["x"], "b": ["y"]})]


@pytest.mark.parametrize("orient", ["split", "index", "columns", "values", "table"])
class TestOrients:
    def test_what_pandas_writes_is_read(self, orient):
        frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": ["x", "y"]}, index=["r", "s"])
        back = PandasDataFrame(orient=orient).decode(frame.to_json(orient=orient).encode(), "")
        if orient == "values":
            frame = frame.set_axis(range(3), axis=1)
        assert back.to_numpy().tolist() == frame.to_numpy().tolist()
        assert list(back.columns) == list(frame.columns)
        assert list(back.index) == ([0, 1] if orient == "values" else ["r", "s"])

    def test_what_is_written_pandas_reads(self, orient):
        frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]}, index=["r", "s"])
        ours, theirs = (
            json.loads(PandasDataFrame(orient=orient).encode(frame).body),
            json.loads(frame.to_json(orient=orient)),
        )
        if orient == "table":
            theirs["schema"].pop("pandas_version")
            for field in (*ours["schema"]["fields"], *theirs["schema"]["fields"]):
                field.pop("extDtype", None)
        assert ours == theirs

    def test_another_value_is_refused(self, orient):
        for value in (None, 1, "x", [1], {"a": 1}, [{"a": 1}], {"schema": {}, "data": []}, {"data": [], "x": 1}):
            if not (orient == "columns" and value == {}):
                assert refusal(PandasDataFrame(orient=orient), value).field


@pytest.mark.parametrize(
    ("orient", "value", "field"),
    [
        ("records", [{"a": 1}, [2]], "$[1]"),
        ("split", {"columns": ["a"], "data": [[1], [1, 2]]}, "$.data[1]"),
        ("split", {"columns": ["a", None], "data": []}, "$.columns[1]"),
        ("split", {"columns": ["a", "a"], "data": [[1, 2]]}, "a"),
        ("split", {"columns": ["a"]}, "$.data"),
        ("split", {"columns": ["a"], "data": [[1]], "index": [1, 2]}, "$.index"),
        ("split", {"columns": ["a"], "data": [[1]], "index": [[1]]}, "$.index[0]"),
        ("values", [[1, 2], [3]], "$[1]"),
        ("values", [[1], {"a": 1}], "$[1]"),
        ("index", {"r": [1]}, "$.r"),
        ("columns", {"a": {"r": 1}, "b": 2}, "$.b"),
        ("columns", {"a": [1], "b": [1, 2]}, "$.b"),
        ("table", {"schema": {"fields": [{"name": "a", "type": "python"}]}, "data": []}, "$.schema.fields[0]"),
        ("table", {"schema": {"fields": [{"name": "a", "type": ["x"]}]}, "data": []}, "$.schema.fields[0]"),
        ("table", {"schema": {"fields": [{"name": "a", "type": "integer"}]}, "data": [{"a": 1.5}]}, "$.data[*].a"),
        ("table", {"schema": {"fields": [], "primaryKey": "a"}, "data": []}, "$.schema.primaryKey"),
        (
            "table",
            {
                "schema": {"fields": [{"name": "a", "type": "datetime", "tz": "../../etc/passwd"}]},
                "data": [{"a": "2020"}],
            },
            "$.data[*].a",
        ),
    ],
)
def test_a_body_of_another_form_is_refused_with_its_place(orient, value, field):
    assert refusal(PandasDataFrame(orient=orient), value).field == field


def test_values_keep_their_types_and_nothing_is_guessed():
    frame = read(
        PandasDataFrame(), [{"date": "2020-01-01", "n": "1", "i": 2**53 + 1, "m": True}, {"i": None, "m": None}]
    )
    assert frame["date"].tolist()[0] == "2020-01-01"
    assert frame["n"].tolist()[0] == "1"
    assert frame["i"].tolist()[0] == 2**53 + 1
    assert str(frame["i"].dtype) == "Int64"
    assert frame["m"].tolist() == [True, None]


def test_a_missing_value_alone_is_a_number_that_is_missing():
    assert read(PandasDataFrame(), [{"a": None}])["a"].dtype == "float64"


def test_columns_are_put_in_the_declared_order():
    for apply in (True, False):
        descriptor = PandasDataFrame(columns=["a", "b"], apply_column_names=apply)
        frame = read(descriptor, [{"b": 2, "a": 1}])
        assert list(frame.columns) == ["a", "b"]
        assert frame.to_numpy().tolist() == [[1, 2]]


def test_columns_of_other_names_are_renamed_by_place_only_if_asked():
    assert list(read(PandasDataFrame("values", True, ["a", "b"]), [[1, 2]]).columns) == ["a", "b"]
    assert list(read(PandasDataFrame(columns=["a", "b"]), [{"x": 1, "y": 2}]).columns) == ["x", "y"]


@pytest.mark.parametrize(
    ("record", "words", "field"),
    [
        ({"a": 1}, "lacks 'b'", "b"),
        ({"a": 1, "x": 2}, "lacks 'b' and has the unknown 'x'", "b"),
        ({"a": 1, "b": 2, "x": 3}, "has the unknown 'x'", "x"),
        ({"x": 3}, "lacks 'a', 'b' and has the unknown 'x'", "a"),
    ],
)
def test_columns_that_are_missing_or_unknown_are_named(record, words, field):
    error = refusal(PandasDataFrame(columns=["a", "b"], apply_column_names=True), [record])
    assert words in str(error)
    assert error.field == field
    assert error.expected == "the 2 columns 'a', 'b', in any order"


def test_the_shape_is_rows_and_columns_where_minus_one_is_any():
    descriptor = PandasDataFrame("values", shape=(-1, 2), enforce_shape=True)
    assert read(descriptor, [[1, 2]] * 3).shape == (3, 2)
    assert "shape (1, 3)" in str(refusal(descriptor, [[1, 2, 3]]))
    assert "shape (1, 2)" in str(refusal(PandasDataFrame("values", shape=(2, 2), enforce_shape=True), [[1, 2]]))
    assert read(PandasDataFrame("values", shape=(2, 2)), [[1]]).shape == (1, 1)


def test_an_enforced_dtype_refuses_what_it_cannot_hold_with_its_place():
    descriptor = PandasDataFrame(dtype={"a": "int8", "d": "datetime64[ns]"}, enforce_dtype=True)
    rows = [{"a": 1, "d": "2020-01-01"}, {"a": 300, "d": "2020-01-01"}]
    error = refusal(descriptor, rows)
    assert error.field == "$[1].a"
    assert error.expected == "values of dtype int8"
    assert refusal(descriptor, [{"a": 1, "d": "soon"}]).field == "$[0].d"
    assert refusal(descriptor, [{"a": 1}]).field == "d"
    assert refusal(descriptor, [{"a": "1", "d": "2020"}]).field == "$[0].a"
    assert refusal(descriptor, b"a,d\n1,2020-01-01\nx,2020-01-01\n", CSV).field == "row 1, column 'a'"
    frame = read(descriptor, [{"a": 1.0, "d": 1577836800000}])
    assert frame["a"].dtype == "int8"
    assert frame["d"].tolist() == [pd.Timestamp("2020-01-01")]


def test_a_dtype_that_is_not_enforced_converts_what_it_can():
    frame = read(PandasDataFrame(dtype={"a": "int64", "b": "float32", "z": "int8"}), [{"a": "7", "b": "x"}])
    assert frame["a"].tolist() == [7]
    assert frame["b"].tolist() == ["x"]


@pytest.mark.parametrize("dtype", [True, False, None])
def test_booleans_declare_no_dtype(dtype):
    assert read(PandasDataFrame(dtype=dtype), [{"a": "1"}])["a"].tolist() == ["1"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"orient": "rows"},
        {"default_format": "pickle"},
        {"apply_column_names": True},
        {"enforce_dtype": True},
        {"enforce_dtype": True, "dtype": True},
        {"enforce_shape": True},
        {"columns": "ab"},
        {"columns": ["a", "a"]},
        {"columns": []},
        {"shape": (1, 2, 3)},
        {"shape": (-2, 2)},
        {"dtype": {"a": "nonsense"}},
        {"dtype": "period[D]"},
        {"max_columns": 0},
    ],
)
def test_arguments_that_describe_nothing_are_refused(arguments):
    with pytest.raises(InvalidArgument):
        PandasDataFrame(**arguments)


def test_a_sample_describes_its_columns_and_any_number_of_rows():
    descriptor = PandasDataFrame.from_sample(FRAME)
    assert read(descriptor, [{"c": "x", "b": 1, "a": 1}] * 5).shape == (5, 3)
    assert "lacks 'b'" in str(refusal(descriptor, [{"a": 1, "c": 1}]))
    strict = PandasDataFrame.from_sample(FRAME[["a"]], enforce_dtype=True)
    assert refusal(strict, [{"a": "x"}]).field == "$[0].a"
    with pytest.raises(InvalidArgument, match="not list"):
        PandasDataFrame.from_sample([1])


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("", JSON),
        ("*/*", JSON),
        (CSV, "text/csv; charset=utf-8"),
        ("text/csv;q=0.1, application/json", JSON),
        ("image/png", JSON),
    ],
)
def test_the_accept_header_chooses_the_format_of_the_answer(accept, answered):
    assert PandasDataFrame().encode(FRAME, accept).content_type == answered


UNWRITABLE = {
    "of several types": [[1], "a"],
    "of a long number": [2**70, 1],
    "of objects without names": [{}, {}],
}


@pytest.mark.parametrize("column", UNWRITABLE.values(), ids=UNWRITABLE)
def test_a_frame_that_parquet_cannot_hold_is_answered_in_the_default_format(column):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": pd.Series(column, dtype=object)})
    answered = PandasDataFrame().encode(frame, "application/vnd.apache.parquet")
    assert (answered.content_type, json.loads(answered.body)) == (JSON, [{"a": value} for value in column])


@pytest.mark.parametrize("column", UNWRITABLE.values(), ids=UNWRITABLE)
def test_a_frame_that_the_default_format_cannot_hold_is_the_services_fault(column):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": pd.Series(column, dtype=object)})
    with pytest.raises(InvalidArgument, match="cannot be written as Parquet or Arrow"):
        PandasDataFrame(default_format="parquet").encode(frame)


def test_the_default_format_is_answered_and_read_without_a_content_type():
    descriptor = PandasDataFrame(default_format="csv")
    assert descriptor.encode(FRAME).content_type == "text/csv; charset=utf-8"
    assert descriptor.decode(b"a\n1\n", "")["a"].tolist() == [1]
    assert descriptor.encode_item(FRAME[["a"]]) == b'[{"a":1},{"a":2}]\n'


def test_parquet_is_also_read_and_written_as_plain_bytes():
    pytest.importorskip("pyarrow")
    descriptor = PandasDataFrame(default_format="parquet")
    encoded = descriptor.encode(FRAME)
    assert encoded.content_type == "application/octet-stream"
    for content_type in ("", "application/octet-stream", "application/vnd.apache.parquet"):
        assert descriptor.decode(encoded.body, content_type).equals(FRAME)


def test_answers_have_all_digits_dates_in_iso_8601_and_null_for_what_is_missing():
    frame = pd.DataFrame(
        {"f": [0.1 + 0.2], "d": [pd.Timestamp("2020-01-01T12:00")], "t": [pd.Timedelta("1h")], "n": [None]}
    )
    assert json.loads(PandasDataFrame().encode(frame).body) == [
        {"f": 0.30000000000000004, "d": "2020-01-01T12:00:00", "t": "P0DT1H0M0S", "n": None}
    ]


def test_csv_answers_have_an_index_only_if_it_has_a_name():
    frame = pd.DataFrame({"a": [1]}, index=[7])
    assert PandasDataFrame().encode(frame, CSV).body == b"a\r\n1\r\n"
    assert PandasDataFrame().encode(frame.rename_axis("id"), CSV).body == b"id,a\r\n7,1\r\n"


def test_csv_is_text_only():
    frame = PandasDataFrame(dtype={"t": "str"}).decode(b'\xef\xbb\xbfn,t,f\n1,NA,"=HYPERLINK(""x"")"\n,, @SUM\n', CSV)
    assert frame["n"].isna().tolist() == [False, True]
    assert frame["t"].tolist()[0] == "NA"
    assert pd.isna(frame["t"].tolist()[1])
    assert frame["f"].tolist() == ['=HYPERLINK("x")', " @SUM"]
    assert list(PandasDataFrame().decode(b",a\n0,1\n", CSV).columns) == ["Unnamed: 0", "a"]


@pytest.mark.parametrize("body", [b"http://127.0.0.1:9/x.csv", b"/etc/passwd", b"file:///etc/passwd"])
@pytest.mark.parametrize("default_format", ["json", "csv", "parquet", "arrow"])
def test_a_body_is_never_a_path_or_an_address(body, default_format):
    if default_format in ("parquet", "arrow"):
        pytest.importorskip("pyarrow")
    try:
        frame = PandasDataFrame(default_format=default_format).decode(body, "")
    except BadInput:
        return
    assert list(frame.columns) == [body.decode()]
    assert frame.empty


def test_other_content_types_are_refused_with_those_that_are_taken():
    with pytest.raises(UnsupportedMediaType, match="text/csv") as caught:
        PandasDataFrame().decode(b"", "application/vnd.ms-excel")
    assert caught.value.expected.startswith("application/json or text/csv")


@pytest.mark.parametrize(
    ("orient", "body"),
    [
        ("records", b"[" + b",".join(b'{"%d":1}' % n for n in range(5000)) + b"]"),
        ("index", b"{" + b",".join(b'"%d":{"%d":1}' % (n, n) for n in range(5000)) + b"}"),
        ("columns", b"{" + b",".join(b'"%d":{"%d":1}' % (n, n) for n in range(5000)) + b"}"),
    ],
)
def test_a_small_body_does_not_become_a_huge_frame(orient, body):
    with pytest.raises(PayloadTooLarge, match="a frame of 5000 rows and 5000 columns"):
        PandasDataFrame(orient=orient).decode(body, "")


@pytest.mark.parametrize(
    ("descriptor", "body"),
    [
        (PandasDataFrame("values"), b"[[" + b",".join([b"1"] * 10_001) + b"]]"),
        (PandasDataFrame(default_format="csv"), b"," * 200_000 + b"\n"),
        (PandasDataFrame(default_format="csv"), b",".join(b"%d" % n for n in range(10_001)) + b"\n"),
        (PandasDataFrame(default_format="csv"), b",".join(b"%d" % n for n in range(9000)) + b"\n1" * 100_000),
        (PandasDataFrame(max_columns=2), b'[{"a":1,"b":2,"c":3}]'),
    ],
)
def test_too_many_columns_or_rows_that_nobody_filled_are_refused(descriptor, body):
    with pytest.raises(BadInput, match="columns") as caught:
        descriptor.decode(body, "")
    assert isinstance(caught.value, PayloadTooLarge) or "stands twice" in str(caught.value)


@pytest.mark.parametrize(
    ("dtype", "fragment"),
    [
        (None, {"type": "object"}),
        (True, {"type": "object"}),
        (
            {"a": "int64", "b": "float32", "c": "str", "d": "datetime64[ns]", "e": "bool", "f": "uint8", "g": "double"},
            {
                "type": "object",
                "properties": {
                    name: {"type": "array", "items": {"type": kind}}
                    for name, kind in zip(
                        "abcdefg", ["integer", "number", "string", "string", "boolean", "object", "number"], strict=True
                    )
                },
            },
        ),
    ],
)
def test_the_fragments_of_openapi_are_those_of_the_reference(dtype, fragment):
    for default_format, media_type in (("json", JSON), ("csv", CSV)):
        descriptor = PandasDataFrame(dtype=dtype, default_format=default_format)
        assert descriptor.openapi_schema_type() == fragment
        assert descriptor.openapi_request_schema() == {media_type: {"schema": fragment}}
        assert descriptor.openapi_responses_schema() == {media_type: {"schema": fragment}}


def test_the_fragment_of_parquet_stands_under_plain_bytes():
    pytest.importorskip("pyarrow")
    descriptor = PandasDataFrame(default_format="parquet")
    assert descriptor.openapi_request_schema() == {"application/octet-stream": {"schema": {"type": "object"}}}


@pytest.mark.parametrize("orient", ["records", "split", "index", "columns", "values", "table"])
def test_the_documentation_describes_every_media_type_truly(orient):
    descriptor = PandasDataFrame(
        orient, dtype={"a": "int64", "b": "float64", "c": "str"}, shape=(2, 3), enforce_shape=True
    )
    content = descriptor.openapi_request_content()
    assert tuple(content) == descriptor.media_types
    schema = content[JSON]["schema"]
    jsonschema_rs.validator_for(schema).validate(json.loads(descriptor.encode(FRAME).body))
    assert content[CSV] == {"schema": {"type": "string"}}


def test_other_descriptors_import_neither_pandas_nor_pyarrow():
    program = (
        "import sys, jubako.io; from jubako.io import JSON, NumpyNdarray, Text; "
        "print([name for name in ('pandas', 'pyarrow') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_frames_are_decoded_beside_the_event_loop():
    assert PandasDataFrame().is_heavy


@pytest.mark.parametrize(
    ("orient", "content_type", "body"),
    [
        ("records", "application/json", b"[{}]"),
        ("split", "application/json", b'{"columns": [], "data": []}'),
        ("columns", "application/json", b"{}"),
        ("values", "application/json", b"[]"),
        ("table", "application/json", b'{"schema": {"fields": []}, "data": []}'),
        ("records", "text/csv", b"\n"),
    ],
)
def test_a_frame_without_the_columns_that_have_a_dtype_is_refused_even_if_it_is_empty(orient, content_type, body):
    descriptor = PandasDataFrame(orient=orient, dtype={"a": "float64", "b": "int64"}, enforce_dtype=True)
    with pytest.raises(BadInput, match="column 'a' is missing") as caught:
        descriptor.decode(body, content_type)
    assert caught.value.field == "a"


@pytest.mark.parametrize(("orient", "body"), [("records", b"[]"), ("index", b"{}")])
def test_no_records_are_no_rows_of_the_declared_columns(orient, body):
    descriptor = PandasDataFrame(orient=orient, dtype={"a": "float64", "b": "int64"}, enforce_dtype=True)
    frame = descriptor.decode(body, "application/json")
    assert frame.shape == (0, 2)
    assert [str(dtype) for dtype in frame.dtypes] == ["float64", "int64"]
    assert descriptor.encode(frame).body == body


def test_rows_without_names_are_named_by_their_places():
    descriptor = PandasDataFrame(orient="values", apply_column_names=True, columns=["1", "0"])
    frame = descriptor.decode(b"[[1, 2]]", "")
    assert frame.to_dict("records") == [{"1": 1, "0": 2}]
    with pytest.raises(BadInput, match=r"the rows have 1 values\.\nExpected a value for each of 2\."):
        descriptor.decode(b"[[1]]", "")


def test_a_value_that_is_blank_is_a_row_of_csv():
    frame = pd.DataFrame({"a": [" ", "x", None, ""]})
    encoded = PandasDataFrame(default_format="csv").encode(frame)
    assert encoded.body == b'"a"\r\n" "\r\n"x"\r\n""\r\n""\r\n'
    assert len(PandasDataFrame().decode(encoded.body, CSV)) == 4


def test_integers_of_a_table_may_be_unsigned():
    frame = pd.DataFrame({"a": pd.Series([2**64 - 1], dtype="uint64"), "b": pd.Series([None], dtype="UInt64")})
    descriptor = PandasDataFrame(orient="table")
    assert descriptor.decode(descriptor.encode(frame).body, JSON)["a"].tolist() == [2**64 - 1]
