"""The server: one ASGI application a Service, and Hypercorn under it. Quart and Hypercorn are used nowhere else.

The names are loaded when they are asked for: other processes of a server use single modules, and need neither of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jubako._references import load_reference

if TYPE_CHECKING:
    from jubako.server.application import Application, make_application

__all__ = ["Application", "make_application"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return load_reference(f"{__name__}.application:{name}")
