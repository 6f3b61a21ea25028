"""`ResourceQuota` and `BatchOptions`: what a runner may use, and how its calls are joined.

Both are plain settings of a runner that users assign to, so they are mutable; every assignment is converted and
checked. `as_resource_quota` and `as_batch_options` make them of mappings too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import attrs

from jubako.errors import InvalidArgument
from jubako.values.checks import flag, number, whole_number

KIB = 1024
MIB = 1024 * KIB
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*(k|m|g|t|ki|mi|gi|ti)?b?", re.IGNORECASE)
_UNITS = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "ki": KIB,
    "mi": MIB,
    "gi": 1024 * MIB,
    "ti": MIB * MIB,
}


def parse_cpu(value: float | str | None) -> float | None:
    """Read processors: a number, `"2"`, or thousandths as `"500m"`; None means all there are.

    Raises:
        InvalidArgument: it is neither, or not more than 0.
    """
    if value is None:
        return None
    try:
        text = str(value).strip()
        cpus = float(text[:-1]) / 1000 if text.endswith("m") else float(text)
    except ValueError:
        cpus = 0.0
    if not 0 < cpus < float("inf"):
        raise InvalidArgument(f"cpu {value!r} is not a number of processors.", do='write 2, "2" or "500m"')
    return cpus


def parse_memory(value: int | str | None) -> int | None:
    """Read bytes: a number, or a text such as `"2Gi"` or `"500M"`; None means all there is.

    Raises:
        InvalidArgument: it is neither, or less than 1.
    """
    if value is None:
        return None
    match = _MEMORY.fullmatch(str(value).strip())
    memory_bytes = int(float(match[1]) * _UNITS[(match[2] or "").lower()]) if match else 0
    if memory_bytes < 1:
        raise InvalidArgument(f"memory {value!r} is not an amount.", do='write bytes, or "512Mi", "2Gi", "4G"')
    return memory_bytes


def parse_gpus(value: str | float | Sequence[int | str] | None) -> str | float | tuple[int, ...] | None:
    """Read GPUs: None or 0 for none, `"all"`, a count, a fraction of one, a list of indices, or one index as text.

    Raises:
        InvalidArgument: it is none of these.
    """
    mistake = InvalidArgument(f"gpus {value!r} is not understood.", do='write "all", 2, 0.5, [0, 2] or "0"')
    if value is None or value == "all":
        return value
    if isinstance(value, str):
        try:
            # In the reference a text is the index of one device.
            return (int(value),) if value.strip().isdecimal() else parse_gpus(float(value))
        except ValueError as error:
            raise mistake from error
    if isinstance(value, Sequence):
        try:
            indices = tuple(int(item) for item in value)
        except (TypeError, ValueError) as error:
            raise mistake from error
        if len(set(indices)) != len(indices) or any(index < 0 for index in indices):
            raise mistake
        return indices
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise mistake
    if 0 < value < 1:
        return float(value)
    if value < 0 or value != int(value):
        raise mistake
    return int(value)


def check_missing_gpu(_: object, __: Any, value: object) -> None:
    """Accept `error` and `cpu`."""
    if value not in ("error", "cpu"):
        raise InvalidArgument(f"missing_gpu cannot be {value!r}.", do="write error or cpu")


@attrs.define(on_setattr=[attrs.setters.convert, attrs.setters.validate])
class ResourceQuota:
    """What one runner may use of the machine.

    Args:
        cpu: processors for all replicas together; None means all there are.
        memory: bytes; None means no limit.
        gpus: `"all"`, a count, a fraction of one, a list of indices, one index as text; 0 means the CPU, and None what
            the runner's type takes by itself.
        missing_gpu: what a GPU that is asked for and not there is: an `error`, or replaced by the `cpu`.

    Attributes:
        mem: another name of `memory`.
        on_gpu: True if it asks for any GPU.
    """

    cpu: float | None = attrs.field(default=None, converter=parse_cpu)
    memory: int | None = attrs.field(default=None, converter=parse_memory)
    gpus: str | float | tuple[int, ...] | None = attrs.field(default=None, converter=parse_gpus)
    missing_gpu: str = attrs.field(default="error", validator=check_missing_gpu)

    @property
    def mem(self) -> int | None:
        """Another name of `memory`."""
        return self.memory

    @mem.setter
    def mem(self, value: int | str | None) -> None:
        self.memory = parse_memory(value)

    @property
    def on_gpu(self) -> bool:
        """True if it asks for any GPU, whether or not the machine has one."""
        return self.gpus not in (None, 0, ())


@attrs.define(on_setattr=[attrs.setters.convert, attrs.setters.validate])
class BatchOptions:
    """How calls of one runner are joined into batches.

    Args:
        enabled: False keeps every call whole and alone, for a runner that looks across rows.
        max_batch_size: rows a batch may have; at least 1.
        max_batch_bytes: bytes of arguments a batch may have; one call may exceed it alone.
        max_wait_ms: the longest a call is held for others to join it, in milliseconds.
        max_latency_ms: a target for the 99th percentile that a policy may meet with smaller batches; never refuses a
            call. None means no target.
        max_queue_rows: rows that may wait for one method; one more is refused with 429.
        max_queue_bytes: bytes that may wait for one method; more is refused with 429.
        timeout_s: the deadline of a call that comes without one, in seconds.
        input_batch_axis: the axis of arguments that counts rows.
        output_batch_axis: the axis of results that counts rows.
        policy: the name of the batch policy that decides when to send how many rows.
    """

    enabled: bool = attrs.field(default=True, validator=flag)
    max_batch_size: int = attrs.field(default=128, validator=whole_number(1))
    max_batch_bytes: int = attrs.field(default=16 * MIB, validator=whole_number(1))
    max_wait_ms: float = attrs.field(default=10.0, validator=number(minimum=0))
    max_latency_ms: float | None = attrs.field(default=None, validator=attrs.validators.optional(number(above=0)))
    max_queue_rows: int = attrs.field(default=4096, validator=whole_number(1))
    max_queue_bytes: int = attrs.field(default=256 * MIB, validator=whole_number(1))
    timeout_s: float = attrs.field(default=60.0, validator=number(above=0))
    input_batch_axis: int = attrs.field(default=0, validator=whole_number(0))
    output_batch_axis: int = attrs.field(default=0, validator=whole_number(0))
    policy: str = "adaptive"


_Options = TypeVar("_Options", ResourceQuota, BatchOptions)


def as_resource_quota(given: ResourceQuota | Mapping[str, Any]) -> ResourceQuota:
    """The quota itself, or one of the arguments in a mapping, such as `{"cpu": "500m"}`.

    Raises:
        InvalidArgument: it is neither, or an argument is unknown or wrong.
    """
    if isinstance(given, Mapping) and "mem" in given and "memory" not in given:
        given = {"memory" if name == "mem" else name: value for name, value in given.items()}
    return _as_options(ResourceQuota, given)


def as_batch_options(given: BatchOptions | Mapping[str, Any]) -> BatchOptions:
    """The options themselves, or those of the arguments in a mapping, such as `{"max_batch_size": 32}`.

    Raises:
        InvalidArgument: it is neither, or an argument is unknown or wrong.
    """
    return _as_options(BatchOptions, given)


def _as_options(kind: type[_Options], given: object) -> _Options:
    if isinstance(given, kind):
        return given
    if not isinstance(given, Mapping):
        raise InvalidArgument(f"{given!r} is no {kind.__name__}.", do=f"give a {kind.__name__}, or a dictionary")
    known = attrs.fields_dict(kind)
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InvalidArgument(
            f"{kind.__name__} has no {unknown[0]!r}.", why=f"It has {', '.join(known)}.", do="correct the name"
        )
    return kind(**given)
