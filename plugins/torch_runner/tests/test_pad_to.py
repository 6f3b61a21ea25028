"""How `pad_to` is read, and the lengths that it gives."""

from __future__ import annotations

import pytest

from jubako.errors import InvalidArgument
from jubako_torch_runner.pad_to import PadTo, as_pad_to


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, 5), ({"multiple": 8}, 8), ({"multiple": 30}, 20), ({"sizes": [4, 16]}, 16), ({"sizes": [4]}, 20)],
)
def test_a_length_is_padded_up_to_a_size_within_the_maximum(options, expected):
    assert PadTo(maximum=20, output_axis=None, **options).padded(5) == expected


def test_a_mapping_of_json_is_read():
    given = {"maximum": 9, "output_axis": {"0": 1, "pooled": None}, "inputs": "tokens", "value": {"0": 1, "tokens": 2}}
    pad_to = as_pad_to(given)
    assert pad_to.inputs == ("tokens",)
    assert (pad_to.value_of(0), pad_to.value_of("tokens"), pad_to.value_of("other")) == (1, 2, 0)
    assert (pad_to.cut_axis((0,)), pad_to.cut_axis(("pooled",)), pad_to.cut_axis(())) == (1, None, None)
    assert as_pad_to(pad_to) is pad_to
    assert as_pad_to(None) is None


def test_a_mask_that_callers_give_is_padded_with_what_marks_padding():
    assert PadTo(maximum=9, output_axis=None, mask="mask").value_of("mask") == 0
    assert PadTo(maximum=9, output_axis=None, mask="mask", mask_marks="padding").value_of("mask") == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (128, "pad_to cannot be 128"),
        ({"maximum": 9, "output_axis": 1, "maxmum": 9}, "no key 'maxmum'"),
        ({"maximum": 9}, "(?s)pad_to needs 'output_axis'.*a padded answer could not be told"),
        ({"output_axis": 1}, "pad_to needs 'maximum'"),
        ({"maximum": 0, "output_axis": 1}, "maximum"),
        ({"maximum": 9, "output_axis": "1"}, "output_axis='1'"),
        ({"maximum": 9, "output_axis": 1, "sizes": [4, 2]}, "ascending"),
        ({"maximum": 9, "output_axis": 1, "sizes": [12]}, "over its maximum of 9"),
        ({"maximum": 9, "output_axis": 1, "mask_marks": "ones"}, "give one of 'values', 'padding'"),
        ({"maximum": 9, "output_axis": 1, "mask_dtype": "text"}, "mask_dtype='text'"),
        ({"maximum": 9, "output_axis": 1, "inputs": []}, "inputs"),
        ({"maximum": 9, "output_axis": 1, "inputs": None}, "inputs"),
        ({"maximum": 9, "output_axis": 1, "inputs": [-1]}, "inputs"),
        ({"maximum": 9, "output_axis": 1, "sizes": None}, "ascending lengths"),
        ({"maximum": 9, "output_axis": 1, "mask": 3}, "(?s)mask=3.*name of the keyword argument"),
        ({"maximum": 9, "output_axis": 1, "value": "x"}, "value='x'"),
    ],
)
def test_a_wrong_option_is_refused(given, words):
    with pytest.raises(InvalidArgument, match=words):
        as_pad_to(given)
