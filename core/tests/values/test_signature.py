from __future__ import annotations

import pytest

from jubako.errors import InvalidArgument
from jubako.values.signature import Signature, as_signatures


@pytest.mark.parametrize(
    ("given", "signature"),
    [
        (Signature(False, 1, 2), Signature(False, 1, 2)),
        ({}, Signature()),
        ({"batchable": False}, Signature(False)),
        ({"batchable": True, "batch_dim": 1}, Signature(True, 1, 1)),
        ({"batchable": True, "batch_dim": (0, 1)}, Signature(True, 0, 1)),
        ({"batchable": True, "batch_dim": [1, 0]}, Signature(True, 1, 0)),
        ({"input_batch_axis": 2}, Signature(True, 2, 0)),
    ],
)
def test_signatures_are_read_in_every_form(given, signature):
    assert as_signatures({"predict": given}) == {"predict": signature}


def test_no_signatures_are_none():
    assert as_signatures(None) == as_signatures({}) == {}


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("predict", True, "the signature of 'predict' cannot be True"),
        ("predict", {"batch_dim": (0, 1, 2)}, "batch_dim is one axis, or those of input and output"),
        ("predict", {"batch_dim": 0, "input_batch_axis": 1}, "batch_dim is one axis, or those of input and output"),
        ("predict", {"batch_dim": -1}, "input_batch_axis cannot be -1"),
        ("predict", {"batchable": 1}, "batchable cannot be 1"),
        ("predict", {"batch": True}, "and batch_dim, not 'batch'"),
        ("", {}, "a signature cannot be of ''"),
    ],
)
def test_what_is_no_signature_is_refused(name, given, words):
    with pytest.raises(InvalidArgument, match=words):
        as_signatures({name: given})
