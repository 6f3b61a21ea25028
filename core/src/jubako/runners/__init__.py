"""Runners: the classes that users subclass, how calls are prepared, and how they run in place without a server."""

from __future__ import annotations

from jubako.runners.deadline import call_deadline
from jubako.runners.methods import RunnerMethod, batch_method
from jubako.runners.model_runner import ModelRunner, ModelRunnerDefinition, SimpleModelRunner
from jubako.runners.runner import Runner, SimpleRunner
from jubako.values.resources import BatchOptions, ResourceQuota
from jubako.values.signature import Signature

__all__ = [
    "BatchOptions",
    "ModelRunner",
    "ModelRunnerDefinition",
    "ResourceQuota",
    "Runner",
    "RunnerMethod",
    "Signature",
    "SimpleModelRunner",
    "SimpleRunner",
    "batch_method",
    "call_deadline",
]
