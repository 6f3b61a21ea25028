"""`Plan`: what one generation of serving processes runs, exact to the version and digest of every model.

Everything in it is plain data, so that it travels as JSON. It is made once a generation, by the first API worker, and
given to every other process of it; a process that is started again gets the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from jubako.values.checks import as_tuple, whole_number
from jubako.values.placement import Placement
from jubako.values.resources import BatchOptions
from jubako.values.tag import Tag


@attrs.frozen
class PlannedTarget:
    """Where the Service is imported from.

    Args:
        module: its name, dotted, as it is imported from `root`.
        file: the source file.
        working_dir: the folder that becomes the process's own.
        root: the folder that the module is imported from.
        attribute: dotted path of the Service in the module; empty for the only one there is.
        bento: the folder of the Bento that holds the module; empty if none does.
    """

    module: str
    file: str
    working_dir: str
    root: str
    attribute: str = ""
    bento: str = ""


@attrs.frozen
class PinnedTag:
    """One version that the Service uses.

    Args:
        tag: exact.
        digest: `sha256:…` of its files; empty if it was named and never opened.
        is_latest: True if it is what its name means, alone or with `:latest`.
    """

    tag: Tag
    digest: str = ""
    is_latest: bool = False


@attrs.frozen
class PlannedPlugin:
    """One plugin that may be loaded.

    Args:
        name: the plugin's.
        distribution: the one it came with.
    """

    name: str
    distribution: str


@attrs.frozen
class ModelRecipe:
    """A runner that `load_runner` of a runner type makes of one model; the user's module is not needed for it.

    Args:
        runner_type: its name.
        tag: of the model, exact.
        arguments: further arguments of `load_runner`, JSON-like.
    """

    runner_type: str
    tag: Tag
    arguments: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class ServiceRecipe:
    """A runner that is found in the Service: the target is imported, and the runner of this name taken.

    Args:
        runner: its name.
    """

    runner: str


@attrs.frozen
class RunnerPlan:
    """One runner and its replicas.

    Args:
        name: unique in the Service.
        recipe: how a replica gets the runner object.
        placements: one for each replica, in order; at least one.
        batch_options: those in force.
        is_idempotent: False if a call must not be computed twice.
        can_fork: False if replicas must be processes of their own from the start.
        preload: modules that a replica needs and that are worth importing before it is forked.
    """

    name: str
    recipe: ModelRecipe | ServiceRecipe
    placements: tuple[Placement, ...] = attrs.field(validator=attrs.validators.min_len(1))
    batch_options: BatchOptions = attrs.field(factory=BatchOptions)
    is_idempotent: bool = True
    can_fork: bool = True
    preload: tuple[str, ...] = attrs.field(default=(), converter=as_tuple)

    @property
    def num_replica(self) -> int:
        """How many replicas there are."""
        return len(self.placements)


@attrs.frozen
class Plan:
    """What one generation runs.

    Args:
        number: of the generation, from 1.
        service: the Service's name.
        target: where it is imported from.
        backend: the name of the backend that its runners run on.
        plugins: those that may be loaded besides the built-in one; what is installed later is none of them.
        models: the models that it uses.
        bentos: the Bentos that it uses.
        runners: in the order of the Service.
    """

    number: int = attrs.field(validator=whole_number(1))
    service: str
    target: PlannedTarget
    backend: str
    plugins: tuple[PlannedPlugin, ...] = ()
    models: tuple[PinnedTag, ...] = ()
    bentos: tuple[PinnedTag, ...] = ()
    runners: tuple[RunnerPlan, ...] = ()
