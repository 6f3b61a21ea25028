"""The `runners` section: where runners run, and what an operator changes of their own options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from jubako.errors import InvalidArgument
from jubako.settings._fields import section, text, time_field, whole_field
from jubako.values.checks import flag, number, whole_number
from jubako.values.resources import check_missing_gpu, parse_cpu, parse_gpus, parse_memory


def _flag() -> bool | None:
    check: Any = attrs.validators.optional(flag)
    is_on: bool | None = attrs.field(default=None, validator=check)
    return is_on


def _text() -> str | None:
    check: Any = attrs.validators.optional(text)
    content: str | None = attrs.field(default=None, validator=check)
    return content


def _choice(check: Any) -> str | None:
    choice: str | None = attrs.field(default=None, validator=attrs.validators.optional(check))
    return choice


def _whole(minimum: int = 1) -> int | None:
    count: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole_number(minimum)))
    return count


def _number(*, above: float | None = None, minimum: float | None = None) -> float | None:
    check = attrs.validators.optional(number(above=above, minimum=minimum))
    amount: float | None = attrs.field(default=None, validator=check)
    return amount


def _named(instance: object, attribute: Any, value: object) -> None:
    if not isinstance(value, Mapping) or not all(isinstance(one, OneRunnerSettings) for one in value.values()):
        raise InvalidArgument(f"named cannot be {value!r}.", do="give runners' names to OneRunnerSettings(…)")


class _Changes:
    """Settings of which each is None where the runner's own option stands."""

    __slots__ = ()

    def changes(self) -> dict[str, Any]:
        """What is set, by name, as keyword arguments for `attrs.evolve` of the runner's own options."""
        values = {name: getattr(self, name) for name in attrs.fields_dict(type(self))}  # type: ignore[arg-type]
        return {name: value for name, value in values.items() if value is not None}


@attrs.frozen(kw_only=True)
class BatchingSettings(_Changes):
    """Changes to a runner's `BatchOptions`, where the fields are described; None keeps the runner's own."""

    enabled: bool | None = _flag()
    max_batch_size: int | None = _whole()
    max_batch_bytes: int | None = attrs.field(default=None, converter=parse_memory)
    max_wait_ms: float | None = _number(minimum=0)
    max_latency_ms: float | None = _number(above=0)
    max_queue_rows: int | None = _whole()
    max_queue_bytes: int | None = attrs.field(default=None, converter=parse_memory)
    timeout_s: float | None = _number(above=0)
    policy: str | None = _text()


@attrs.frozen(kw_only=True)
class ResourceSettings(_Changes):
    """Changes to a runner's `ResourceQuota`, where the fields are described; None keeps the runner's own."""

    cpu: float | None = attrs.field(default=None, converter=parse_cpu)
    memory: int | None = attrs.field(default=None, converter=parse_memory)
    gpus: str | float | tuple[int, ...] | None = attrs.field(default=None, converter=parse_gpus)
    missing_gpu: str | None = _choice(check_missing_gpu)


@attrs.frozen(kw_only=True)
class OneRunnerSettings:
    """What is changed of one runner.

    Args:
        batching: how its calls are joined.
        resources: what it may use.
    """

    batching: BatchingSettings = attrs.field(factory=BatchingSettings, validator=section)
    resources: ResourceSettings = attrs.field(factory=ResourceSettings, validator=section)


@attrs.frozen(kw_only=True)
class RunnersSettings:
    """Where runners run, and what is changed of all of them or of one.

    Args:
        backend: the name of the backend that is used; None means `process` under `jubako serve` where the system can
            fork, and `inline` elsewhere.
        batching: how calls are joined, of every runner.
        resources: what each runner may use.
        named: the same for one runner, by its name; wins over what is said of every runner.
        start_timeout_s: seconds that a process may take to become ready, loading its model included; then it is killed,
            and the start has failed.
        restart_first_s: seconds until a process that did not become ready is started again; doubled after each further
            failure.
        restart_longest_s: the longest such wait.
        restart_attempts: failed starts in a row after which calls are answered 503 instead of waiting.
    """

    backend: str | None = _text()
    batching: BatchingSettings = attrs.field(factory=BatchingSettings, validator=section)
    resources: ResourceSettings = attrs.field(factory=ResourceSettings, validator=section)
    named: Mapping[str, OneRunnerSettings] = attrs.field(factory=dict, validator=_named)
    start_timeout_s: float = time_field(300.0)
    restart_first_s: float = time_field(0.1)
    restart_longest_s: float = time_field(30.0)
    restart_attempts: int = whole_field(5)

    def for_runner(self, name: str) -> OneRunnerSettings:
        """What is changed of the runner `name`: what is said of it, and of every runner where nothing is.

        Case makes no difference unless a name is equal: names of the environment are lowered.
        """
        alike = next((one for named, one in self.named.items() if named.lower() == name.lower()), OneRunnerSettings())
        one = self.named.get(name, alike)
        return OneRunnerSettings(
            batching=attrs.evolve(self.batching, **one.batching.changes()),
            resources=attrs.evolve(self.resources, **one.resources.changes()),
        )

    def names_without_runner(self, names: Iterable[str]) -> tuple[str, ...]:
        """The names in `named` that are of no runner.

        Args:
            names: of the runners that there are.
        """
        known = {name.lower() for name in names}
        return tuple(name for name in self.named if name.lower() not in known)
