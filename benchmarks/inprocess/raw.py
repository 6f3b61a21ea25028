"""Drives the model of W3 without any server, and prints one line of JSON a batch size.

`python -m benchmarks.inprocess.raw --sizes 1,64 --seconds 2`, in an environment with torch: one process, one thread.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch

from benchmarks.inprocess.mlp import FEATURES, Mlp, make_mlp

_WARM_UP_BATCHES = 3


def drive_raw(model: Mlp, size: int, seconds: float) -> list[float]:
    """The seconds that each batch of `size` rows took, one after the other for `seconds`; in the calling thread."""
    rows = torch.rand(size, FEATURES, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return repeat(lambda: model(rows), seconds)


def repeat(work: Callable[[], object], seconds: float) -> list[float]:
    """The seconds that `work` took each time, for `seconds` and at least once, after a few times that do not count."""
    for _ in range(_WARM_UP_BATCHES):
        work()
    took: list[float] = []
    end_s = time.perf_counter() + seconds
    begun_s = time.perf_counter()
    while begun_s < end_s or not took:
        work()
        now_s = time.perf_counter()
        took.append(now_s - begun_s)
        begun_s = now_s
    return took


def percentile(values: list[float], share: float) -> float:
    """The value below which so large a share of the values lies; values are not empty."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    """Print what was measured of each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", required=True, metavar="N,N")
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = make_mlp()
    for size in map(int, options.sizes.split(",")):
        cpu_s = time.process_time()
        took = drive_raw(model, size, options.seconds)
        cpu_s = time.process_time() - cpu_s
        rows = size * len(took)
        line = {
            "size": size,
            "rows": rows,
            "rows_per_s": rows / sum(took),
            "p50_ms": statistics.median(took) * 1000,
            "p99_ms": percentile(took, 0.99) * 1000,
            "cpu_us": cpu_s / rows * 1_000_000,
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
