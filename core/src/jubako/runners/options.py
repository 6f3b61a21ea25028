"""The batch options and resources that are in force: the runner's own, overridden by the operator's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from jubako.settings import Settings
from jubako.values.resources import BatchOptions, ResourceQuota

if TYPE_CHECKING:
    from jubako.runners.runner import RunnerDefinition


def effective_batch_options(runner: RunnerDefinition, settings: Settings) -> BatchOptions:
    """A copy of the runner's options with what `runners.batching` and `runners.named.<name>.batching` set."""
    options = runner.batch_options
    for section in _sections(runner.name, settings):
        options = attrs.evolve(options, **_values_set(section.batching))
    return options


def effective_resource_quota(runner: RunnerDefinition, settings: Settings) -> ResourceQuota:
    """A copy of the runner's quota with what `runners.resources` and `runners.named.<name>.resources` set."""
    quota = runner.resource_quota
    for section in _sections(runner.name, settings):
        quota = attrs.evolve(quota, **_values_set(section.resources))
    return quota


def _sections(runner_name: str, settings: Settings) -> list[Any]:
    named = settings.runners.named.get(runner_name)
    return [settings.runners] if named is None else [settings.runners, named]


def _values_set(section: Any) -> dict[str, Any]:
    values = attrs.asdict(section, recurse=False)
    return {key: value for key, value in values.items() if value is not None}
