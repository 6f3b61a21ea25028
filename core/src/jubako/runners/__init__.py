"""Runners: the classes that users subclass, how calls are prepared, and how they run in place without a server."""

from __future__ import annotations

from jubako.runners.deadline import call_deadline
from jubako.runners.methods import RunnerMethod, batch_method
from jubako.runners.model_runner import ModelRunner
from jubako.runners.runner import Runner, SimpleRunner

__all__ = ["ModelRunner", "Runner", "RunnerMethod", "SimpleRunner", "batch_method", "call_deadline"]
