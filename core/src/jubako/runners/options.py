"""The batch options and resources that are in force: the runner's own, overridden by the operator's configuration."""

from __future__ import annotations

import attrs

from jubako.runners.definition import LoadableRunner
from jubako.settings import Settings
from jubako.values.resources import BatchOptions, ResourceQuota


def effective_batch_options(runner: LoadableRunner, settings: Settings) -> BatchOptions:
    """A copy of the runner's options with what `runners.batching` and `runners.named.<name>.batching` set."""
    return attrs.evolve(runner.batch_options, **settings.runners.for_runner(runner.name).batching.changes())


def effective_resource_quota(runner: LoadableRunner, settings: Settings) -> ResourceQuota:
    """A copy of the runner's quota with what `runners.resources` and `runners.named.<name>.resources` set."""
    return attrs.evolve(runner.resource_quota, **settings.runners.for_runner(runner.name).resources.changes())
