"""How every device computes: in inference mode, and under autocast where that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Any

import torch

from jubako_torch_runner.device import Numerics


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


def ready_module(module: torch.nn.Module, numerics: Numerics, device: torch.device) -> torch.nn.Module:
    """The module in evaluation mode, on the device, in the type wanted; parameters are cast before they are moved."""
    # The graph of a torch.export artefact has the mode that it was exported in, and refuses to change it.
    with suppress(NotImplementedError):
        module = module.eval()
    if numerics.dtype is not None:
        module = module.to(numerics.dtype)
    return module.to(device)
