"""Whether a function takes the arguments that a protocol of `jubako.contracts` promises."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def check_signature(function: Callable[..., Any], protocol: type, words: str) -> None:
    """Fail, naming the function and the argument, if a call that the protocol allows would not be taken.

    Further arguments that have a default are allowed.

    Args:
        function: the implementation.
        protocol: a class with `__call__`.
        words: what the function is, such as `save of runner type 'toy'`.
    """
    faults = list(_faults(inspect.signature(function), inspect.signature(protocol.__call__)))
    assert not faults, (
        f"{words}, which is {function.__module__}.{function.__qualname__}, {'; it '.join(faults)} "
        f"(see {protocol.__module__}.{protocol.__qualname__})"
    )


def _faults(given: inspect.Signature, promised: inspect.Signature) -> Iterator[str]:
    wanted = [parameter for name, parameter in promised.parameters.items() if name != "self"]
    positional = [parameter for parameter in wanted if parameter.kind is not inspect.Parameter.KEYWORD_ONLY]
    taken = [
        name
        for name, parameter in given.parameters.items()
        if parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    ]
    for index, parameter in enumerate(positional):
        # What is only given by position may have any name.
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY and index < len(taken):
            continue
        if taken[index : index + 1] != [parameter.name]:
            yield f"does not take {parameter.name!r} as its positional argument {index + 1}"
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in given.parameters.values())
    for parameter in wanted:
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            continue
        own = given.parameters.get(parameter.name)
        if (own is None or own.kind not in _BY_NAME) and not takes_any:
            yield f"does not take the keyword argument {parameter.name!r}"
        elif own is not None and parameter.default is None and own.default is not None:
            yield f"should have {parameter.name}=None"
    for name, own in given.parameters.items():
        is_optional = own.default is not inspect.Parameter.empty or own.kind in (
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        )
        is_placed = name in taken[: len(positional)]
        if name not in promised.parameters and not is_optional and not is_placed:
            yield f"cannot be called without its further argument {name!r}; give that a default"
