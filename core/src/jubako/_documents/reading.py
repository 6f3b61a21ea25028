"""`parse_yaml`: YAML without tags, duplicate and merge keys, and aliases that stand for too much."""

from __future__ import annotations

from typing import Any

import yaml

from jubako.errors import ConfigurationError, JubakoError

# Together they keep what reading a document takes below 100 MB and a few seconds: a value costs about 400 bytes and 10
# microseconds, a file of a version 7 values.
MAX_DOCUMENT_BYTES = 8 * 1024 * 1024
_MAX_VALUES = 200_000
_MAX_DEPTH = 64
_MAX_ALIASED_VALUES = 10_000
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml(
    text: str | bytes,
    where: str,
    *,
    error: type[JubakoError] = ConfigurationError,
    max_bytes: int = MAX_DOCUMENT_BYTES,
) -> object:
    """Read one YAML document; an empty one is None.

    Args:
        text: the document; bytes are UTF-8.
        where: what is read, for messages: a path, or the name of a variable.
        error: the class of errors to raise.
        max_bytes: a larger document is refused unread.

    Raises:
        JubakoError: of the class `error`; the document is not YAML, is too large or too deep, or holds a tag, a
            duplicate key, a number in base 60, more than 200,000 values, or aliases that stand for more than 10,000.
    """
    if len(text) > max_bytes:
        raise error(f"{where} is too large to be read: {len(text):,} bytes.", why=f"At most {max_bytes:,} are read.")
    try:
        readable = text.decode() if isinstance(text, bytes) else text
        _check_events(readable)
        return _StrictLoader(readable).get_single_data()
    except yaml.MarkedYAMLError as mistake:
        mark = mistake.problem_mark or mistake.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = mistake.problem or mistake.context or "it is not YAML"
        raise error(f"{where}{place}: cannot be read as YAML.", why=f"{reason[:1].upper()}{reason[1:]}.") from mistake
    except (yaml.YAMLError, ValueError) as mistake:
        raise error(f"{where} cannot be read as YAML.", why=" ".join(str(mistake).split())) from mistake


def _check_events(text: str) -> None:
    """Refuse what is dangerous to build, before anything is built; stops reading at the first."""
    guard = _Guard()
    for event in yaml.parse(text, Loader=_SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            guard.refer(event)
        elif isinstance(event, yaml.NodeEvent):
            guard.begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            guard.end()


class _Guard:
    """Counts what building a document would take."""

    def __init__(self) -> None:
        self._values = self._aliased = 0
        self._sizes: dict[str | None, int] = {}
        self._open: list[tuple[str | None, int]] = []  # anchor, and the number of values when it was opened

    def refer(self, event: Any) -> None:
        """Count an alias as what it stands for."""
        # An alias inside its own anchor has no size yet: the document would contain itself.
        if event.anchor not in self._sizes:
            raise _refusal(f"alias *{event.anchor} stands for nothing, or for what contains it", event)
        self._aliased += self._sizes[event.anchor]
        self._values += self._sizes[event.anchor]
        if self._aliased > _MAX_ALIASED_VALUES:
            raise _refusal(f"its aliases stand for more than {_MAX_ALIASED_VALUES:,} values", event)

    def begin(self, event: Any) -> None:
        """Count a value, and what is above it."""
        self._values += 1
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _refusal(f"the tag {tag!r} is not allowed", event)
        if self._values > _MAX_VALUES:
            raise _refusal(f"it has more than {_MAX_VALUES:,} values", event)
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append((event.anchor, self._values - 1))
            self._sizes.pop(event.anchor, None)  # an anchor may be given anew
            if len(self._open) > _MAX_DEPTH:
                raise _refusal(f"it is more than {_MAX_DEPTH} levels deep", event)
        elif event.anchor is not None:
            self._sizes[event.anchor] = 1

    def end(self) -> None:
        """Note how large a list or mapping was, for aliases of it."""
        anchor, before = self._open.pop()
        if anchor is not None:
            self._sizes[anchor] = self._values - before


def _refusal(problem: str, event: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


class _StrictLoader(_SafeLoader):  # type: ignore[misc]  # the C loader has no types
    """A SafeLoader that refuses duplicate keys; the safe constructor would keep the last one silently."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys: set[object] = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise yaml.MarkedYAMLError(
                    problem="the merge key '<<' is not allowed", problem_mark=key_node.start_mark
                )
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, dict | list):
                raise yaml.MarkedYAMLError(problem="a key is not a text", problem_mark=key_node.start_mark)
            if key in keys:
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark)
            keys.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping

    def construct_number(self, node: Any) -> int | float:
        # YAML 1.1 takes 1:30 for 90, and in a time that grows with the square of its length.
        if ":" in node.value:
            raise yaml.MarkedYAMLError(
                problem=f"{node.value[:40]} would be a number in base 60; write it in quotes if it is text",
                problem_mark=node.start_mark,
            )
        is_integer = node.tag == "tag:yaml.org,2002:int"
        number: int | float = self.construct_yaml_int(node) if is_integer else self.construct_yaml_float(node)
        if is_integer:
            # Not every number that can be read in base 2 or 16 can be written in base 10, for instance in an error.
            str(number)
        return number


for _tag in ("int", "float"):
    _StrictLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", _StrictLoader.construct_number)
