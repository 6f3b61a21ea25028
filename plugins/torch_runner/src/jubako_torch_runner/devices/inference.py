"""How every device computes: in inference mode, and under autocast where that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Any

import torch

from jubako_torch_runner.device import Numerics
from jubako_torch_runner.trees import map_tensors


def compute_in_inference_mode(
    compute: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], kind: str, numerics: Numerics
) -> Any:
    """Call `compute` in inference mode, which holds for this thread alone, and so is entered for each batch.

    Args:
        compute: what computes.
        args: positional arguments, on the device.
        kwargs: keyword arguments, on the device.
        kind: of device, as torch names it: `cpu` or `cuda`.
        numerics: whose `autocast` holds; its `dtype` has been applied to the module.
    """
    with ExitStack() as modes:
        modes.enter_context(torch.inference_mode())
        if numerics.autocast is not None:
            modes.enter_context(torch.autocast(kind, dtype=numerics.autocast))
        return compute(*args, **kwargs)


def compute_on_cpu(
    compute: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], numerics: Numerics
) -> Any:
    """Compute on the CPU, with results in memory of their own, as copies from a device are.

    A module may answer with its weights, or with a buffer that it uses again for every batch: callers would else change
    the first, and the next batch, computed before they have read their answers, the second.
    """
    results = compute_in_inference_mode(compute, args, kwargs, "cpu", numerics)
    # Tensors made in inference mode could not be changed in place outside it.
    with torch.inference_mode(False):
        return map_tensors(lambda result: result.detach().clone(), results)


def ready_module(module: torch.nn.Module, numerics: Numerics, device: torch.device) -> torch.nn.Module:
    """The module in evaluation mode, on the device, in the type wanted; parameters are cast before they are moved."""
    # The graph of a torch.export artefact has the mode that it was exported in, and refuses to change it.
    with suppress(NotImplementedError):
        module = module.eval()
    if numerics.dtype is not None:
        module = module.to(numerics.dtype)
    return module.to(device)
