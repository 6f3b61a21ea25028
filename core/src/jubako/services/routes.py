"""`RoutePath`: where an API is served, a fixed path or a template; `RouteTable`: what stands at which path.

A template has parameters in the place of whole segments: `v1/items/{item_id}`; a last `{rest:path}` takes all segments
that follow. Its first segment is fixed, so that no template hides what the server itself answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

import attrs

from jubako.contracts.extensions import FORBIDDEN_IN_PATHS
from jubako.errors import InvalidArgument

# Routes that the server itself answers.
RESERVED_ROUTES = frozenset({"docs.json", "metrics", "healthz", "livez", "readyz"})
_STATIC_PREFIX = "static_content"
_PARAMETER = re.compile(r"\{([^{}:]*)(?::([^{}]*))?\}")
_DOTS = (".", "..")

_Target = TypeVar("_Target")


@attrs.frozen
class PathParameter:
    """A segment of a template that any text fits.

    Args:
        name: an identifier.
        takes_all: True for the last one of a template that takes all segments that are left, slashes included.
    """

    name: str
    takes_all: bool = False


Segment = str | PathParameter


@attrs.frozen
class RoutePath:
    """A route, checked; made by `parse`.

    Args:
        text: as it was written, without a leading slash.
        segments: fixed texts and parameters.
    """

    text: str
    segments: tuple[Segment, ...]

    @classmethod
    def parse(cls, text: object, owner: str) -> RoutePath:
        """Read a route, with or without a leading slash.

        Args:
            text: the route.
            owner: whose it is, for errors: `API 'predict'`.

        Raises:
            InvalidArgument: it is no path, its parameters cannot be told apart, or the server answers there itself.
        """
        if not isinstance(text, str):
            raise InvalidArgument(
                f"the route of {owner} is {type(text).__name__}, not text.", do='give for example route="v1/predict"'
            )
        path = text.removeprefix("/")
        try:
            segments = tuple(_read_segment(part) for part in path.split("/"))
            _check_segments(segments, path)
        except _Refused as reason:
            raise InvalidArgument(
                f"{owner} cannot have the route {path!r}.", why=str(reason), do="give another route=…"
            ) from None
        return cls(path, segments)

    @property
    def parameters(self) -> tuple[PathParameter, ...]:
        """Of a template, in the order in which they stand; of a fixed path none."""
        return tuple(segment for segment in self.segments if isinstance(segment, PathParameter))

    @property
    def has_rest(self) -> bool:
        """True if the last parameter takes all segments that are left."""
        last = self.segments[-1]
        return isinstance(last, PathParameter) and last.takes_all

    def match(self, parts: list[str]) -> dict[str, str] | None:
        """Return the parameters' texts if the segments of a path are as this template says, else None.

        A parameter is never empty, and never `.` or `..`, which mean another place to whatever takes them for a path.
        """
        own = self.segments
        if len(parts) != len(own) and not (self.has_rest and len(parts) > len(own)):
            return None
        values: dict[str, str] = {}
        for segment, part in zip(own, parts, strict=False):
            if isinstance(segment, str):
                if segment != part:
                    return None
            elif segment.takes_all:
                rest = parts[len(own) - 1 :]
                if rest == [""] or any(each in _DOTS for each in rest):
                    return None
                values[segment.name] = "/".join(rest)
            elif not part or part in _DOTS:
                return None
            else:
                values[segment.name] = part
        return values

    def collides(self, other: RoutePath) -> bool:
        """True if some path is meant by both, and neither is the one fixed path that goes before all templates."""
        if self.parameters == () or other.parameters == ():
            return self.segments == other.segments
        mine, theirs = self.segments, other.segments
        if not self.has_rest and not other.has_rest:
            compared = len(mine)
            is_possible = len(mine) == len(theirs)
        else:
            # What takes all that is left takes one segment at least.
            compared = min(len(route.segments) - route.has_rest for route in (self, other))
            is_possible = (self.has_rest or len(mine) >= len(theirs)) and (other.has_rest or len(theirs) >= len(mine))
        return is_possible and all(
            isinstance(one, PathParameter) or isinstance(another, PathParameter) or one == another
            for one, another in zip(mine[:compared], theirs[:compared], strict=True)
        )


class RouteTable(Generic[_Target]):
    """Finds what stands at a path; a fixed route goes before a template.

    Args:
        routes: each with what stands there; none collides with another.

    Attributes:
        fixed: what stands at paths that begin with a slash and have no parameters.
    """

    def __init__(self, routes: Iterable[tuple[RoutePath, _Target]]) -> None:
        self.fixed: dict[str, _Target] = {}
        self._templates: dict[Segment, list[tuple[RoutePath, _Target]]] = {}
        for route, target in routes:
            if route.parameters:
                self._templates.setdefault(route.segments[0], []).append((route, target))
            else:
                self.fixed[f"/{route.text}"] = target

    def find_template(self, path: str) -> tuple[_Target, Mapping[str, str]] | None:
        """Return what stands at the template that a path fits, and the texts of its parameters."""
        if not self._templates:
            return None
        parts = path[1:].split("/")
        for route, target in self._templates.get(parts[0], ()):
            values = route.match(parts)
            if values is not None:
                return target, values
        return None


class _Refused(Exception):
    """Why a text is no route."""


def _read_segment(part: str) -> Segment:
    match = _PARAMETER.fullmatch(part)
    if match is not None:
        name, kind = match.groups()
        if not name.isidentifier():
            raise _Refused(f"The name of its parameter, {name!r}, is no identifier.")
        if kind not in (None, "path"):
            raise _Refused(f"{{{name}:{kind}}}: what a parameter takes is said by the function's annotation.")
        return PathParameter(name, takes_all=kind == "path")
    if part in ("", *_DOTS):
        raise _Refused("A route is a path of names with one '/' between them.")
    if FORBIDDEN_IN_PATHS.search(part):
        raise _Refused("A name in a path has no spaces, '?', '#' or '%'; a parameter stands alone: '{name}'.")
    return part


def _check_segments(segments: tuple[Segment, ...], path: str) -> None:
    parameters = [segment for segment in segments if isinstance(segment, PathParameter)]
    if path.startswith(":"):
        raise _Refused("A route does not begin with ':'.")
    if segments[0] in parameters:
        raise _Refused("The server answers at other paths itself, so that the first name is none of its parameters.")
    if path in RESERVED_ROUTES or segments[0] == _STATIC_PREFIX:
        raise _Refused("The server answers there itself.")
    if len({parameter.name for parameter in parameters}) < len(parameters):
        raise _Refused("Two of its parameters have one name.")
    if any(parameter.takes_all for parameter in parameters if parameter is not segments[-1]):
        raise _Refused("Nothing can follow a parameter that takes all that is left.")
