"""Which methods of a module are served."""

from __future__ import annotations

import pytest
import torch

from jubako.errors import InvalidArgument
from jubako_torch_runner.method_names import check_method_name


def test_of_what_every_module_has_only_the_call_is_served():
    for name in dir(torch.nn.Module):
        if name in ("__call__", "forward"):
            assert check_method_name(name) == name
        else:
            with pytest.raises(InvalidArgument):
                check_method_name(name)


def test_a_methods_of_ones_own_is_served():
    assert check_method_name("encode") == "encode"


@pytest.mark.parametrize("name", ["train", "load_state_dict", "to"])
def test_a_method_that_changes_the_module_is_refused_with_the_reason(name):
    with pytest.raises(
        InvalidArgument, match=rf"(?s)method '{name}' .* cannot be served.*changes the module.*Do: name a"
    ):
        check_method_name(name)


@pytest.mark.parametrize("name", ["_encode", "__len__", "a b", "", 3])
def test_what_is_no_public_method_is_refused(name):
    with pytest.raises(InvalidArgument, match="name of no public method"):
        check_method_name(name)
