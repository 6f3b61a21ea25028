"""What a model is saved with: the versions of Python, Jubako, the framework, and the plugins that it needs."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import attrs

from jubako.contracts.offers import Offer, RunnerType, SerializerType
from jubako.errors import MissingDependency
from jubako.plugins import Composition, PluginReport, names_of
from jubako.values.model import ModelContext


def describe_context(
    composition: Composition, module: str, framework_name: str, distributions: Sequence[str]
) -> ModelContext:
    """Describe what is installed now.

    Args:
        composition: the plugins in use.
        module: the runner type; empty for none.
        framework_name: for people.
        distributions: those that loading the model needs, beside the plugins.

    Raises:
        MissingDependency: one of the distributions is not installed.
    """
    context = ModelContext(
        jubako_version=_installed_version("jubako"),
        python_version=platform.python_version(),
        framework_name=framework_name,
        framework_versions={distribution: _installed_version(distribution) for distribution in distributions},
    )
    plugin = _plugin_offering(composition, RunnerType, module)
    return attrs.evolve(_with_plugin(context, plugin), plugin=_pinned(plugin))


def with_serializer(context: ModelContext, composition: Composition, serializer: str) -> ModelContext:
    """Add the plugin that offers the format of a model's object."""
    plugin = _plugin_offering(composition, SerializerType, serializer)
    return attrs.evolve(_with_plugin(context, plugin), serializer_plugin=_pinned(plugin))


def _with_plugin(context: ModelContext, plugin: PluginReport | None) -> ModelContext:
    own = {} if plugin is None else {plugin.distribution: plugin.version}
    versions = {**context.framework_versions, **own}
    return attrs.evolve(
        context,
        framework_versions=versions,
        # Indexes have no builds for one kind of device, such as 2.13.0+cpu; `==` takes these for the version too.
        pip_requirements=tuple(f"{name}=={installed.partition('+')[0]}" for name, installed in versions.items()),
    )


def _pinned(plugin: PluginReport | None) -> str:
    return "" if plugin is None else f"{plugin.distribution}=={plugin.version}"


def _plugin_offering(composition: Composition, kind: type[Offer], name: str) -> PluginReport | None:
    """The installed plugin that offers a name; None if it is nobody's or the core's own."""
    for offer in composition.offers(kind):
        if name in names_of(offer):
            report = composition.provider(offer)
            return None if report is composition.reports[0] else report
    return None


def _installed_version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError as error:
        raise MissingDependency(
            f"the version of {distribution!r}, which the model needs, is not known.",
            why="No distribution of that name is installed.",
            do=f"pip install {distribution}",
        ) from error
