from __future__ import annotations

import threading

import pytest

from jubako.errors import InvalidArgument, InvalidManifest, MissingDependency
from jubako.serializers.cloudpickle import CloudpickleSerializer
from jubako.testing.serializer_tests import SerializerTests, pickles_that_create


class TestCloudpickle(SerializerTests):
    name = "cloudpickle"

    def objects(self):
        return [{"a": (1, {2, 3}), 4: b"bytes"}, 10**5000, frozenset("abc")]

    def refused(self):
        return [threading.Lock(), {"deep": [threading.Lock()]}]


def test_functions_of_scripts_come_back(tmp_path):
    offset = 3
    CloudpickleSerializer().dump(lambda number: number + offset, tmp_path)
    assert CloudpickleSerializer().load(tmp_path)(4) == 7


def test_the_error_says_why_an_object_cannot_be_pickled(tmp_path):
    with pytest.raises(InvalidArgument, match=r"lock cannot be pickled.\nTypeError: "):
        CloudpickleSerializer().dump(threading.Lock(), tmp_path)


def test_a_pickle_that_needs_a_missing_module_says_which(tmp_path):
    (tmp_path / "object.pkl").write_bytes(b"cjubako_no_such_module\nThing\n.")
    with pytest.raises(MissingDependency, match="'jubako_no_such_module', which is not installed"):
        CloudpickleSerializer().load(tmp_path)


def test_a_damaged_pickle_is_named(tmp_path):
    (tmp_path / "object.pkl").write_bytes(b"no pickle")
    with pytest.raises(InvalidManifest, match=r"object\.pkl cannot be loaded"):
        CloudpickleSerializer().load(tmp_path)


def test_the_contracts_planted_pickles_run_where_nothing_stops_them(tmp_path):
    # Else the test that data formats run none of them would prove nothing.
    for number, pickled in enumerate(pickles_that_create(tmp_path / "canary")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "object.pkl").write_bytes(pickled)
        CloudpickleSerializer().load(folder).close()
        (tmp_path / "canary").unlink()
