"""Finding the plugins that are installed, without importing anything of them."""

from __future__ import annotations

import re
from collections.abc import Collection
from importlib.metadata import Distribution, EntryPoint, entry_points

import attrs

from jubako.contracts.hookspecs import ENTRY_POINT_GROUP

_SEPARATORS = re.compile(r"[-_.]+")


@attrs.frozen
class Candidate:
    """One entry point of group `jubako.v1`, not imported.

    Args:
        name: the plugin's name.
        target: the module, or "module:object", that holds its hook implementations.
        distribution: the name of the installed distribution.
        version: the distribution's version.
        location: the folder it is installed in.
    """

    name: str
    target: str
    distribution: str
    version: str
    location: str = ""

    def is_named_by(self, names: Collection[str]) -> bool:
        """True if one of `names` is the plugin's or the distribution's; case and `-`, `_`, `.` make no difference."""
        return bool({_normalized(self.name), _normalized(self.distribution)} & {_normalized(name) for name in names})

    def is_from(self, distribution: str) -> bool:
        """True if it came with the distribution of this name, in any of its spellings."""
        return _normalized(self.distribution) == _normalized(distribution)

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version})"


def discover() -> tuple[Candidate, ...]:
    """Read the entry points of every installed distribution, sorted by name and then by distribution.

    Reads the metadata files of `sys.path`; imports nothing. A distribution that is installed twice counts once: the
    first on `sys.path`.
    """
    found = {_candidate(point) for point in entry_points(group=ENTRY_POINT_GROUP)}
    return tuple(sorted(found, key=lambda candidate: (candidate.name, candidate.distribution, candidate.target)))


def _candidate(point: EntryPoint) -> Candidate:
    distribution: Distribution | None = point.dist
    if distribution is None:
        return Candidate(point.name, point.value, "unknown", "unknown")
    return Candidate(
        name=point.name,
        target=point.value,
        # A damaged installation can lack these two.
        distribution=(distribution.metadata.get_all("Name") or ["unknown"])[0],
        version=(distribution.metadata.get_all("Version") or ["unknown"])[0],
        location=str(distribution.locate_file("")),
    )


def _normalized(name: str) -> str:
    return _SEPARATORS.sub("-", name).lower()
