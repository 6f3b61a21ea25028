"""What a Bento needs: what the user asks for, and what its models, its plugins and Jubako itself need."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from jubako.bentos.requirements import Asked, exact_version, parse_requirement
from jubako.contracts.build_step import BuildDraft
from jubako.contracts.store import StoreKind
from jubako.plugins import Composition, PluginReport
from jubako.stores.local import LocalStore
from jubako.stores.manifests import read_model_info
from jubako.values.model import ModelInfo

JUBAKO = "jubako"


def asked_by_models(draft: BuildDraft) -> Iterator[Asked]:
    """What the packed models were saved with: their `pip_requirements`, frameworks and plugins, each by its version."""
    store = LocalStore(draft.folder, StoreKind.MODELS)
    for tag in store.list():
        for text in _requirements_of(read_model_info(store.open(tag))):
            # Whoever made the model wrote this.
            yield Asked(parse_requirement(text, f"model {tag}"), f"model {tag}")


def asked_by_service(draft: BuildDraft, composition: Composition) -> Iterator[Asked]:
    """Jubako, and each plugin that a runner or descriptor of the Service is from, or that extends the application."""
    yield Asked(Requirement(JUBAKO), "every Bento")
    used = {type(part).__module__.partition(".")[0] for part in _parts(draft)}
    for report in composition.reports[1:]:
        if report.extend_application is not None or used & _packages_of(report):
            yield Asked(Requirement(report.distribution), f"plugin {report.name}")


def combine(asked: Iterable[Asked], is_packed: Callable[[str], bool]) -> list[Asked]:
    """Settle what two of them say of one distribution; warns where somebody does not get what they ask for.

    What the user says goes before what models say: a warning names the models. Of models that want different versions,
    the one that is installed here is taken, else the newest. What models say of a distribution that is packed as a
    wheel is passed over, for there is one wheel of it; their loaders check it themselves.
    """
    by_name: dict[str, list[Asked]] = {}
    for each in asked:
        by_name.setdefault(each.name, []).append(each)
    return [each for name, all_of_it in sorted(by_name.items()) for each in _settle(name, all_of_it, is_packed(name))]


def public_version(found: str) -> str:
    """A version as indexes have it: those of builds for one kind of device, such as 2.13.0+cpu, are in none."""
    return found.partition("+")[0]


def _settle(name: str, asked: list[Asked], is_packed: bool) -> Iterator[Asked]:
    users = [each for each in asked if each.is_users]
    pinned = [each for each in asked if not each.is_users and each.requirement.specifier]
    yield from users
    if is_packed or not pinned:
        if not users:
            yield Asked(Requirement(asked[0].requirement.name), asked[0].by)
        return
    specifiers = SpecifierSet()
    for each in users:
        specifiers &= each.requirement.specifier
    if users and (refused := [each for each in pinned if not _allows(specifiers, each.requirement)]):
        said = "; ".join(f"{each.by} was saved with {each.requirement}" for each in refused)
        taken = ", ".join(f"{each.requirement} ({each.by})" for each in users)
        warnings.warn(f"{said}; the build options say {taken}, which is taken.", stacklevel=2)
        return
    yield from _agreed(name, pinned)


def _agreed(name: str, pinned: list[Asked]) -> Iterator[Asked]:
    versions = sorted(
        {exact_version(each.requirement) for each in pinned if exact_version(each.requirement)}, key=Version
    )
    if len(versions) < 2:
        yield from {str(each.requirement): each for each in reversed(pinned)}.values()
        return
    installed = _installed(name)
    chosen = installed if installed in versions else versions[-1]
    said = ", ".join(f"{each.by} with {each.requirement}" for each in pinned)
    warnings.warn(
        f"models were saved with different versions: {said}. {name} {chosen} is taken; "
        f"name another in python.packages, or save the models anew.",
        stacklevel=2,
    )
    yield next(each for each in pinned if exact_version(each.requirement) == chosen)


def _allows(specifiers: SpecifierSet, requirement: Requirement) -> bool:
    pin = exact_version(requirement)
    return not pin or specifiers.contains(pin, prereleases=True)


def _installed(name: str) -> str:
    try:
        return public_version(version(name))
    except PackageNotFoundError:
        return ""


def _requirements_of(info: ModelInfo) -> list[str]:
    context = info.context
    versions = [f"{name}=={public_version(found)}" for name, found in context.framework_versions.items()]
    texts = [*context.pip_requirements, *versions, context.plugin, context.serializer_plugin]
    return list(dict.fromkeys(text for text in texts if text))


def _parts(draft: BuildDraft) -> Iterator[object]:
    yield from draft.service.runners.values()
    for api in draft.service.apis.values():
        yield from (api.input, api.output)


def _packages_of(report: PluginReport) -> set[str]:
    return {report.candidate.target.partition(":")[0].partition(".")[0]} if report.distribution != "unknown" else set()
