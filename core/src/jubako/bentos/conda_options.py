"""`CondaOptions`: the conda environment of a Bento, as `conda` in a `bentofile.yaml` or in `build` says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import attrs

from jubako.bentos.containers.grammar import check_context_path
from jubako.bentos.requirements import parse_requirement
from jubako.errors import InvalidArgument

DEFAULT_CHANNELS = ("conda-forge",)

# A name or a URL without user, password, query; and then a label.
_CHANNEL = re.compile(
    r"(?:https?://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?/)?[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[\w.-]+)*", re.ASCII
)
# A MatchSpec without brackets: [channel::]name, then a version and a build behind '=', '>=', … or blanks.
_DEPENDENCY = re.compile(
    r"(?:[A-Za-z0-9_][A-Za-z0-9_./-]*::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)(?: ?[=<>!~][A-Za-z0-9_.*+!=<>~|, -]*)?"
)


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InvalidArgument(f"{value!r} stands where conda has a list.", do=f"write [{value!r}]")
    return tuple(value)


@attrs.frozen(kw_only=True)
class CondaOptions:
    """A conda environment: a file that describes it, or channels and dependencies; neither means that there is none.

    Args:
        environment_yml: path of an `environment.yml` in the build context.
        channels: in the order of their precedence; `conda-forge` if none is given.
        dependencies: what conda installs, such as `libstdcxx-ng` or `numpy=1.26`.
        pip: what pip installs into it, such as `requests==2.32.3`; best left to `python.packages`, which has hashes.
    """

    environment_yml: str | None = None
    channels: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    dependencies: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    pip: tuple[str, ...] = attrs.field(default=(), converter=_texts)

    def __attrs_post_init__(self) -> None:
        if self.environment_yml is not None:
            check_context_path("conda.environment_yml", self.environment_yml)
            if self.channels or self.dependencies or self.pip:
                raise InvalidArgument(
                    "conda.environment_yml stands alone.",
                    why="The file says all that channels, dependencies and pip would.",
                    do="leave out the file, or write them into it",
                )
        _check(self.channels, _CHANNEL, "conda.channels", "conda-forge")
        _check(self.dependencies, _DEPENDENCY, "conda.dependencies", "numpy=1.26")
        for text in self.pip:
            parse_requirement(text, "conda.pip")

    @property
    def is_empty(self) -> bool:
        """True if no conda environment is asked for."""
        return self == CondaOptions()

    def to_plain(self) -> dict[str, Any]:
        """JSON-like, as steps see it and as `bento.yaml` records it."""
        return {
            "environment_yml": self.environment_yml,
            "channels": list(self.channels),
            "dependencies": list(self.dependencies),
            "pip": list(self.pip),
        }


def _check(texts: tuple[object, ...], grammar: re.Pattern[str], field: str, example: str) -> None:
    for text in texts:
        if not isinstance(text, str) or not grammar.fullmatch(text):
            raise InvalidArgument(f"{field} cannot have {text!r}.", do=f"write for example {example!r}")
