"""`MetricsSum`: the metrics of all serving processes as one, and `take_snapshot`: what each of them sends for it.

Counters, histograms and summaries are added up over all processes, and what a process counted stays when it ends, so
that no sum goes back. Gauges are those of the processes that live: added up, for that is what most gauges mean that
several processes keep (queues, things open); of an info, a state, or a summary's quantile, which cannot be added, it is
the largest value. What prometheus_client itself says of a process, such as its memory, is told of each one, with the
labels `role` and `slot`.

A snapshot is plain data and travels as JSON. Nothing here needs prometheus_client.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import attrs

from jubako.serving.exact_sum import ExactSum

Snapshot = list[Any]
"""One entry a family of metrics: its name, type, help, and samples; a sample is its name, its labels' names and values
in turn, and its value, which is a text where JSON has no number for it."""

_Labels = tuple[str, ...]
_Process = tuple[str, int, int]

# Of prometheus_client's collectors for the process and the interpreter; a sum of these would say nothing.
_OF_ONE_PROCESS = frozenset(
    {
        "process_cpu_seconds",
        "process_max_fds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_virtual_memory_bytes",
        "python_gc_collections",
        "python_gc_objects_collected",
        "python_gc_objects_uncollectable",
        "python_info",
    }
)
_LARGEST = frozenset({"info", "stateset"})
# A process's last words may come after the news of its end.
_ENDS_KNOWN = 1024

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_:]")


class Registry(Protocol):
    """What prometheus_client's `CollectorRegistry` is here."""

    def collect(self) -> Iterable[Any]:
        """Yield the families of metrics."""


def take_snapshot(registries: Sequence[Registry], failed: Callable[[Exception], None] = lambda _: None) -> Snapshot:
    """Read registries; in any thread, and blocks for as long as users' collectors do.

    Args:
        registries: of two families of one name the first is taken.
        failed: called if user code raises; what its registry told until then is kept.
    """
    families: dict[str, Any] = {}
    for registry in registries:
        try:
            for metric in registry.collect():
                families.setdefault(metric.name, _family_of(metric))
        # Foreign code: a collector that fails is no reason to lose everything else.
        except Exception as error:  # noqa: BLE001  # handed to the one who asked
            failed(error)
    return list(families.values())


def _family_of(metric: Any) -> Any:
    # `_created` says when counting began, which has no meaning for a sum.
    samples = [
        [sample.name, [text for label in sorted(sample.labels.items()) for text in label], _plain(sample.value)]
        for sample in metric.samples
        if not sample.name.endswith("_created") or sample.name == metric.name
    ]
    return [metric.name, metric.type, metric.documentation, samples]


def _plain(value: float) -> float | str:
    return value if math.isfinite(value) else repr(float(value))


class MetricsSum:
    """Adds up what processes report; for one thread."""

    def __init__(self) -> None:
        self._latest: dict[_Process, Snapshot] = {}
        self._ended: deque[_Process] = deque(maxlen=_ENDS_KNOWN)
        self._totals = _Families()

    def add(self, role: str, slot: int, incarnation: int, snapshot: Snapshot) -> None:
        """Take what a process has counted since it began; replaces what it said before. Costs nothing until `render`.

        Args:
            role: of the process, such as `api`.
            slot: which of its role, from 0.
            incarnation: no other process of this role and slot has or had the same.
            snapshot: by `take_snapshot`. One of a process that has ended is passed over.
        """
        process = (role, slot, incarnation)
        if process in self._latest or process not in self._ended:
            self._latest[process] = snapshot

    def forget_gauges(self, role: str, slot: int, incarnation: int) -> None:
        """Note that a process has ended: its gauges go, and what it counted stays. One that is unknown is no error."""
        process = (role, slot, incarnation)
        self._ended.append(process)
        snapshot = self._latest.pop(process, None)
        if snapshot is not None:
            self._totals.add(role, slot, snapshot, is_alive=False)

    def render(self) -> str:
        """The sum, in Prometheus' text format."""
        families = self._totals.copy()
        for (role, slot, _), snapshot in self._latest.items():
            families.add(role, slot, snapshot, is_alive=True)
        return "".join(families.lines())


class _Families:
    """Families of metrics by name, added up."""

    def __init__(self) -> None:
        self._families: dict[str, _Family] = {}

    def copy(self) -> _Families:
        copied = _Families()
        copied._families = {name: family.copy() for name, family in self._families.items()}
        return copied

    def add(self, role: str, slot: int, snapshot: Snapshot, *, is_alive: bool) -> None:
        for name, kind, help_text, samples in snapshot:
            known = self._families.get(name)
            if known is None or known.kind != kind:
                # A service that was changed may mean another thing by the name; what is served now is right.
                known = self._families[name] = _Family(name, kind, help_text)
            labels = ("role", role, "slot", str(slot)) if name in _OF_ONE_PROCESS else ()
            known.add(samples, labels, is_alive=is_alive)

    def lines(self) -> Iterator[str]:
        for _, family in sorted(self._families.items()):
            yield from family.lines()


@attrs.define(eq=False)
class _Family:
    """One family: of counters, of gauges, or of distributions."""

    name: str
    kind: str
    help_text: str
    counted: dict[tuple[str, _Labels], ExactSum] = attrs.field(factory=dict)
    buckets: dict[_Labels, dict[float, ExactSum]] = attrs.field(factory=dict)
    gauges: dict[tuple[str, _Labels], float] = attrs.field(factory=dict)

    def copy(self) -> _Family:
        """The same, to be added to; the gauges are those of living processes, and there are none yet."""
        counted = {key: total.copy() for key, total in self.counted.items()}
        buckets = {
            labels: {bound: total.copy() for bound, total in by_bound.items()}
            for labels, by_bound in self.buckets.items()
        }
        return _Family(self.name, self.kind, self.help_text, counted, buckets)

    def add(self, samples: Iterable[Any], further: _Labels, *, is_alive: bool) -> None:
        """Add the samples of one process."""
        cumulative: dict[_Labels, list[tuple[float, float]]] = {}
        for name, given, written in samples:
            labels = (*given, *further)
            value = float(written)
            if self.kind == "histogram" and name.endswith("_bucket"):
                series, bound = _without_bound(labels)
                cumulative.setdefault(series, []).append((bound, value))
            elif self._is_counted(name):
                self.counted.setdefault((name, labels), ExactSum()).add(value)
            elif is_alive:
                before = self.gauges.get((name, labels))
                self.gauges[name, labels] = value if before is None else self._both(before, value)
        for series, bounds in cumulative.items():
            self._add_buckets(series, sorted(bounds))

    def lines(self) -> Iterator[str]:
        """The family in the text format; nothing if it has no samples."""
        samples = [*self._bucket_samples()]
        samples += [(name, labels, total.value()) for (name, labels), total in self.counted.items()]
        samples += [(name, labels, value) for (name, labels), value in self.gauges.items()]
        if not samples:
            return
        shown, kind = _shown_family(self.name, self.kind)
        yield f"# HELP {shown} {self.help_text.replace(chr(92), chr(92) * 2).replace(chr(10), chr(92) + 'n')}\n"
        yield f"# TYPE {shown} {kind}\n"
        for name, labels, value in samples:
            yield f"{_legal(name)}{_label_text(labels)} {_number_text(value)}\n"

    def _is_counted(self, name: str) -> bool:
        if self.kind == "counter":
            return True
        return self.kind in ("histogram", "summary") and name != self.name

    def _both(self, one: float, other: float) -> float:
        is_largest = self.kind in _LARGEST or self.kind == "summary" or self.name in _OF_ONE_PROCESS
        return max(one, other) if is_largest else one + other

    def _add_buckets(self, series: _Labels, cumulative: list[tuple[float, float]]) -> None:
        # Bucket by bucket and not cumulated, so that processes with other bounds leave a histogram that is one.
        by_bound = self.buckets.setdefault(series, {})
        below = 0.0
        for bound, count in cumulative:
            by_bound.setdefault(bound, ExactSum()).add(count - below)
            below = count

    def _bucket_samples(self) -> Iterator[tuple[str, _Labels, float]]:
        for series, by_bound in self.buckets.items():
            count = 0.0
            for bound in sorted(by_bound):
                count += by_bound[bound].value()
                yield f"{self.name}_bucket", (*series, "le", _number_text(bound)), count


def _without_bound(labels: _Labels) -> tuple[_Labels, float]:
    position = labels[::2].index("le") * 2
    return labels[:position] + labels[position + 2 :], float(labels[position + 1])


def _shown_family(name: str, kind: str) -> tuple[str, str]:
    """Name and type in the text format, which has fewer types."""
    match kind:
        case "counter":
            return _legal(f"{name}_total"), kind
        case "info":
            return _legal(f"{name}_info"), "gauge"
        case "stateset":
            return _legal(name), "gauge"
        case "gaugehistogram":
            return _legal(name), "histogram"
        case "unknown":
            return _legal(name), "untyped"
    return _legal(name), kind


def _legal(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", name)


def _label_text(labels: _Labels) -> str:
    if not labels:
        return ""
    pairs = zip(labels[::2], labels[1::2], strict=True)
    return "{" + ",".join(f'{_legal(name)}="{_escaped(value)}"' for name, value in pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)
