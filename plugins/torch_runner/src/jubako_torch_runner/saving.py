"""What `jubako.torch.save` and `load` do with modules; imports torch, which `models` does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree

from jubako.contracts.store import Store
from jubako.errors import InvalidArgument
from jubako.models import Model, load_object
from jubako.values.signature import Signature
from jubako.values.tag import Tag
from jubako_torch_runner.comparison import difference_of_tensors, first_difference
from jubako_torch_runner.examples import as_example, repeat_rows
from jubako_torch_runner.formats import FORMATS, RUNNER_TYPE
from jubako_torch_runner.saved_module import (
    SavedModule,
    callable_graph,
    check_init,
    check_methods,
    evaluating_on_cpu,
    ordinary_attention,
    unwrap,
)

_CALL = "__call__"
# How far the graph of a module may be from the module, relative and absolute.
_TOLERANCES: Mapping[torch.dtype, float] = {torch.float16: 1e-2, torch.bfloat16: 1e-2, torch.float64: 1e-9}
_TOLERANCE = 1e-5


def prepare(
    model: Any, *, example_inputs: Any, init: Mapping[str, Any] | None, signatures: Mapping[str, Signature]
) -> SavedModule:
    """What is written of a module: without wrappers, with its example inputs read.

    Raises:
        InvalidArgument: it is no module that can be stored, or an argument is wrong.
    """
    module = unwrap(model)
    check_methods(module, signatures)
    axis = signatures[_CALL].input_batch_axis if _CALL in signatures else 0
    return SavedModule(
        module,
        example_inputs=as_example(example_inputs, axis),
        batch_axis=axis,
        init=check_init(init),
        methods=(_CALL, *signatures),
    )


def choose_formats(serializer: str | None) -> Sequence[str]:
    """The formats to try: all, the best first, or the one that was asked for.

    Raises:
        InvalidArgument: there is no such format.
    """
    if serializer is None:
        return FORMATS
    if serializer not in FORMATS:
        raise InvalidArgument(f"serializer={serializer!r} is not known.", do=f"give one of {', '.join(FORMATS)}")
    return (serializer,)


def is_same(written: SavedModule, read: SavedModule) -> bool:
    """Check that a module came back: state to the bit, every attribute, and of a graph its answers.

    Raises:
        InvalidArgument: it did not; says what is different.
    """
    if read.program is not None:
        difference = _difference_of_graph(written, read)
    else:
        # A pickle brings its attributes by itself; a class that is made anew has those that its constructor gives.
        is_made_anew = read.init is not None
        difference = first_difference(written.module, read.module, with_attributes=is_made_anew)
    if difference:
        raise InvalidArgument(f"{type(written.module).__name__} would not come back as it is.", why=f"{difference}.")
    return True


def open_saved(tag: Tag | str | Model, *, _model_store: Store | None = None) -> SavedModule:
    """Load a module with what is stored beside it, on the CPU and in evaluation mode; raises as `models.load`."""
    saved: SavedModule = load_object(tag, module=RUNNER_TYPE, _model_store=_model_store)
    return saved


def load_on(tag: Tag | str, device_id: str, *, _model_store: Store | None = None) -> torch.nn.Module:
    """Load a module to a device; raises as `models.load`."""
    device = _find_device(device_id)
    return open_saved(tag, _model_store=_model_store).on_device(device)


def _find_device(device_id: str) -> torch.device:
    try:
        device = torch.device(device_id)
        torch.empty(0, device=device)
    # torch names what is wrong in errors of several classes.
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        raise InvalidArgument(
            f"device_id={device_id!r} cannot be used.",
            why=f"{' '.join(str(error).split())[:300]}",
            do="give a device of this machine, such as 'cpu' or 'cuda:0'",
        ) from error
    return device


def _difference_of_graph(written: SavedModule, read: SavedModule) -> str:
    if read.program is None or written.example_inputs is None:
        return "the graph would be missing"
    state = {name: value for name, value in written.module.state_dict().items() if isinstance(value, torch.Tensor)}
    difference = difference_of_tensors(state, read.program.state_dict)
    if difference:
        return difference
    graph = callable_graph(read.program)
    with evaluating_on_cpu(written.module) as module, ordinary_attention(), torch.inference_mode():
        for rows in (1, 2, 3):
            batch = repeat_rows(written.example_inputs, rows, written.batch_axis)
            expected = module(*batch.args, **batch.kwargs)
            answered = graph(*batch.args, **batch.kwargs)
            if not _close(expected, answered):
                return f"its graph answers {rows} rows otherwise than the module does"
    return ""


def _close(expected: Any, answered: Any) -> bool:
    ours, theirs = pytree.tree_leaves(expected), pytree.tree_leaves(answered)
    return len(ours) == len(theirs) and all(_close_leaf(*pair) for pair in zip(ours, theirs, strict=True))


def _close_leaf(one: Any, other: Any) -> bool:
    if not isinstance(one, torch.Tensor) or not isinstance(other, torch.Tensor):
        return type(one) is type(other) and bool(one == other)
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    tolerance = _TOLERANCES.get(one.dtype, _TOLERANCE)
    return torch.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)
