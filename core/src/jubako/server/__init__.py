"""The server: one ASGI application a Service, and Hypercorn under it. Quart and Hypercorn are used nowhere else."""

from __future__ import annotations

from jubako.server.application import Application, make_application

__all__ = ["Application", "make_application"]
