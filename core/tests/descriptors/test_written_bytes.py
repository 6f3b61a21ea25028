"""Answers byte for byte: what clients that compare text would see change."""

from __future__ import annotations

import numpy as np
import pytest

from jubako.contracts.descriptor import EncodedBody
from jubako.io import JSON, NumpyNdarray, Text


@pytest.mark.parametrize(
    ("descriptor", "value", "body", "content_type"),
    [
        (JSON(), {"é": [1, 2.0, True, None], "b": {}}, '{"é":[1,2.0,true,null],"b":{}}', "application/json"),
        (JSON(), "ü", '"ü"', "application/json"),
        (NumpyNdarray(), np.array([[2, 4], [6, 8]]), "[[2,4],[6,8]]", "application/json"),
        (NumpyNdarray(), np.array([0.1, 123456.75, -0.0]), "[0.1,123456.75,-0.0]", "application/json"),
        (NumpyNdarray(), np.array([0.1], "float32"), "[0.1]", "application/json"),
        (NumpyNdarray(), np.float64(3), "3.0", "application/json"),
        (NumpyNdarray(), np.array(["ä"]), '["ä"]', "application/json"),
        (Text(), "ä\n", "ä\n", "text/plain; charset=utf-8"),
    ],
)
def test_answers_are_compact_and_keep_every_letter(descriptor, value, body, content_type):
    assert descriptor.encode(value) == EncodedBody(body.encode(), content_type)
