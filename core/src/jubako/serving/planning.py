"""Making a Plan of an imported Service, and making of a Plan what a process needs: workspace, target, runner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import orjson

from jubako.contracts.offers import RunnerType, SerializerType
from jubako.contracts.store import StoreKind
from jubako.errors import ImportServiceError, JubakoError
from jubako.plugins import Composition, PluginStatus, compose, discover
from jubako.runners.model_runner import ModelRunnerDefinition
from jubako.runners.options import effective_batch_options
from jubako.runners.placing import Placer
from jubako.runners.runner import RunnerDefinition
from jubako.services import Bento, Service
from jubako.services.source import SourceModule
from jubako.services.targets import Target, enter_target, import_target
from jubako.settings import PluginSettings
from jubako.stores.pinned import PinnedStore
from jubako.values.placement import Placement
from jubako.values.plan import (
    ModelRecipe,
    PinnedTag,
    Plan,
    PlannedPlugin,
    PlannedTarget,
    RunnerPlan,
    ServiceRecipe,
)
from jubako.workspace import Workspace


def pinned_workspace(
    workspace: Workspace,
    plan: Plan | None = None,
    agree: Callable[[StoreKind, PinnedTag], PinnedTag] | None = None,
) -> Workspace:
    """The same workspace with stores that resolve every tag once.

    Args:
        workspace: of the target.
        plan: what tags mean already.
        agree: settles with the other processes what a tag means that is used for the first time; None settles it here.
    """
    models, bentos = (plan.models, plan.bentos) if plan is not None else ((), ())

    def settle(kind: StoreKind) -> Callable[[PinnedTag], PinnedTag] | None:
        return None if agree is None else partial(agree, kind)

    return attrs.evolve(
        workspace,
        model_store=PinnedStore(workspace.model_store, models, settle(StoreKind.MODELS)),
        bento_store=PinnedStore(workspace.bento_store, bentos, settle(StoreKind.BENTOS)),
    )


def compose_planned(settings: PluginSettings, plugins: Sequence[PlannedPlugin]) -> Composition:
    """Compose the plugins of a Plan; one that was installed since is left out.

    Raises:
        PluginError: see `compose`.
    """
    planned = {(plugin.name, plugin.distribution) for plugin in plugins}
    return compose(
        settings,
        candidates=[candidate for candidate in discover() if (candidate.name, candidate.distribution) in planned],
    )


def make_plan(service: Service, target: Target, workspace: Workspace, number: int) -> Plan:
    """Write down what was imported.

    Args:
        service: as the target gives it.
        target: where it was imported from.
        workspace: the pinned one that was current meanwhile.
        number: of the generation.

    Raises:
        JubakoError: a runner asks for what cannot be given; see `Placer.place`.
    """
    settings = workspace.settings
    # Other backends place runners themselves, where they start them: asking twice would warn twice.
    placer = Placer(workspace.composition, settings) if settings.runners.backend == "process" else None
    runners = tuple(_plan_runner(runner, workspace, placer) for runner in service.runners.values())
    return Plan(
        number=number,
        service=service.name,
        target=_planned(target),
        backend=settings.runners.backend or "inline",
        plugins=_planned_plugins(workspace.composition),
        models=_pins(workspace.model_store),
        bentos=_pins(workspace.bento_store),
        runners=runners,
    )


def find_target(planned: PlannedTarget) -> Target:
    """The target of a Plan, exactly."""
    module = SourceModule(planned.module, Path(planned.file), Path(planned.working_dir), Path(planned.root))
    bento = Bento.from_folder(Path(planned.bento)) if planned.bento else None
    return Target(module, planned.attribute, bento)


def make_runner(runner: RunnerPlan, plan: Plan, workspace: Workspace) -> RunnerDefinition:
    """Make the runner object of a replica; imports the user's module only for a `ServiceRecipe`.

    Args:
        runner: which one.
        plan: what it is part of.
        workspace: the pinned one, which is current.

    Raises:
        JubakoError: it cannot be made.
    """
    target = find_target(plan.target)
    if isinstance(runner.recipe, ModelRecipe):
        # A model may be of a class that stands beside the service.
        enter_target(target)
        return _load_runner(runner.recipe, runner.name, workspace.composition)
    service = import_target(target)
    if runner.recipe.runner not in service.runners:
        raise ImportServiceError(
            f"Service {service.name!r} has no runner {runner.recipe.runner!r} any more.",
            why="Its source was changed, or makes other runners each time it is imported.",
            do="restart the server",
        )
    return service.runners[runner.recipe.runner]


def _plan_runner(runner: RunnerDefinition, workspace: Workspace, placer: Placer | None) -> RunnerPlan:
    settings, composition = workspace.settings, workspace.composition
    runner_type = _runner_type(runner, composition)
    recipe = _model_recipe(runner, composition) if isinstance(runner, ModelRunnerDefinition) else None
    return RunnerPlan(
        name=runner.name,
        recipe=recipe or ServiceRecipe(runner.name),
        placements=(Placement(),) if placer is None else placer.place(runner),
        batch_options=effective_batch_options(runner, settings),
        is_idempotent=runner.is_idempotent,
        can_fork=runner_type is None or runner_type.can_fork,
        preload=_preload(runner, runner_type, composition),
    )


def _runner_type(runner: RunnerDefinition, composition: Composition) -> RunnerType | None:
    """The runner type that loads the runner's model; None if it has none, or one that is not installed."""
    if not isinstance(runner, ModelRunnerDefinition) or not runner.model.info.module:
        return None
    try:
        return composition.find(RunnerType, runner.model.info.module)
    except JubakoError:
        return None


def _model_recipe(runner: ModelRunnerDefinition, composition: Composition) -> ModelRecipe | None:
    """A recipe that makes exactly this runner; None if the user's own code is needed for it."""
    arguments = runner.load_arguments
    if arguments is None or runner.model_store is not None:
        return None
    recipe = ModelRecipe(runner.model.info.module, runner.tag, dict(arguments))
    try:
        if orjson.loads(orjson.dumps(recipe.arguments)) != recipe.arguments:
            return None
        again = _load_runner(recipe, runner.name, composition)
    except (JubakoError, TypeError):
        return None
    # Whoever changed the runner since it was loaded wants the change in the replica too.
    return recipe if type(again) is type(runner) and _state(again) == _state(runner) else None


def _load_runner(recipe: ModelRecipe, name: str, composition: Composition) -> RunnerDefinition:
    load_runner = composition.resolve(composition.find(RunnerType, recipe.runner_type), "load_runner")
    runner: RunnerDefinition = load_runner(recipe.tag, name=name, **recipe.arguments)
    return runner


def _state(runner: RunnerDefinition) -> dict[str, Any]:
    # The plan has the options in force, the router is made anew in each process, and what the runner is loaded in is
    # that of the process.
    leave_out = ("router", "_run_method", "batch_options", "resource_quota", "surroundings")
    return {name: value for name, value in vars(runner).items() if name not in leave_out}


def _preload(runner: RunnerDefinition, runner_type: RunnerType | None, composition: Composition) -> tuple[str, ...]:
    if not isinstance(runner, ModelRunnerDefinition) or runner_type is None:
        return ()
    modules = [runner_type.load_runner.partition(":")[0], *runner_type.requires]
    try:
        offer = composition.find(SerializerType, runner.model.info.serializer)
        modules.append(offer.serializer.partition(":")[0])
    except JubakoError:
        # The replica needs it, and says what is wrong.
        pass
    return tuple(dict.fromkeys(modules))


def _planned(target: Target) -> PlannedTarget:
    module = target.module
    return PlannedTarget(
        module=module.name,
        file=str(module.file),
        working_dir=str(module.working_dir),
        root=str(module.root),
        attribute=target.attribute,
        bento="" if target.bento is None else str(target.bento.path.absolute()),
    )


def _planned_plugins(composition: Composition) -> tuple[PlannedPlugin, ...]:
    _built_in, *others = composition.reports
    return tuple(
        PlannedPlugin(report.candidate.name, report.candidate.distribution)
        for report in others
        if report.status is not PluginStatus.DISABLED
    )


def _pins(store: Any) -> tuple[PinnedTag, ...]:
    return store.pins() if isinstance(store, PinnedStore) else ()
