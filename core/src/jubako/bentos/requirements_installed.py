"""What is installed here of what a Bento needs: the whole closure, by following the metadata of distributions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution

import attrs
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jubako.bentos.requirements_asked import JUBAKO, public_version
from jubako.bentos.wheels_given import GivenWheel
from jubako.bentos.wheels_installed import is_installed_from_elsewhere
from jubako.contracts.hookspecs import ENTRY_POINT_GROUP


@attrs.frozen
class Closure:
    """What some requirements need, as far as it is installed here.

    Args:
        pins: name to public version, of what any index has.
        carried: by name, the installed distributions that no index is asked for.
        given: by name, the wheels of the user that are needed or not: all of them.
        missing: what is needed and not installed.
        unmatched: what is installed in a version that does not do.
    """

    pins: Mapping[str, str]
    carried: Mapping[str, Distribution]
    given: Mapping[str, GivenWheel]
    missing: tuple[Requirement, ...]
    unmatched: tuple[Requirement, ...]

    @property
    def packed(self) -> frozenset[str]:
        """Names of everything that is packed as a wheel."""
        return frozenset(self.carried) | frozenset(self.given)


def follow(roots: Iterable[Requirement], given: Mapping[str, GivenWheel]) -> Closure:
    """Follow requirements, with their extras and markers, through what is installed in this Python.

    Jubako, plugins of it, and what was installed from a folder, a file or a URL are carried.
    """
    pins: dict[str, str] = {}
    carried: dict[str, Distribution] = {}
    missing: dict[str, Requirement] = {}
    unmatched: dict[str, Requirement] = {}
    seen: dict[str, set[str]] = {}
    waiting = [root for root in roots if root.marker is None or root.marker.evaluate()]
    waiting += [Requirement(wheel.name) for wheel in given.values()]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        found = given.get(name) or find_installed(name)
        if found is None:
            missing.setdefault(name, requirement)
            continue
        if not isinstance(found, GivenWheel):
            if is_carried(found):
                carried[name] = found
            elif requirement.specifier.contains(found.version, prereleases=True):
                pins[name] = public_version(found.version)
            else:
                unmatched.setdefault(name, requirement)
        for extra in {"", *requirement.extras} - seen.setdefault(name, set()):
            seen[name].add(extra)
            waiting += [needed for text in found.requires or () if (needed := _applying(text, extra))]
    return Closure(
        {name: pins[name] for name in sorted(pins) if name not in unmatched},
        dict(sorted(carried.items())),
        given,
        tuple(missing[name] for name in sorted(missing)),
        tuple(unmatched[name] for name in sorted(unmatched)),
    )


def find_installed(name: str) -> Distribution | None:
    """The installed distribution of a name; None if there is none."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def is_carried(found: Distribution) -> bool:
    """True if no index is asked for a distribution: Jubako, its plugins, and what was installed from elsewhere."""
    is_ours = canonicalize_name(found.metadata["Name"]) == JUBAKO
    return is_ours or bool(found.entry_points.select(group=ENTRY_POINT_GROUP)) or is_installed_from_elsewhere(found)


def _applying(text: str, extra: str) -> Requirement | None:
    """A requirement of a distribution if it holds here, and, with an extra, if it is one of that."""
    requirement = Requirement(text)
    if requirement.marker is None:
        return None if extra else requirement
    return requirement if requirement.marker.evaluate({"extra": extra}) else None
