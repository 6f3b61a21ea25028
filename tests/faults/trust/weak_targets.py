"""Readers with the mistakes that the fuzzer looks for, to see that it finds them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from tests.faults.trust import fuzzing
from tests.faults.trust.fuzz_target import JSON_TOKENS, Target
from tests.faults.trust.fuzz_targets import TARGETS


def _unsafe(data: bytes, folder: Path) -> None:
    (folder / "array.npy").write_bytes(data)
    try:
        np.load(folder / "array.npy", allow_pickle=True)
    except Exception as error:  # what a loader of the unsafe kind raises is no matter
        raise ValueError("it cannot be read") from error


def _endless(data: bytes, _: Path) -> None:
    while b"[[" in data:
        pass


def _greedy(data: bytes, _: Path) -> None:
    bytearray(len(data) * 2**20)


def _other_error(data: bytes, _: Path) -> None:
    data.decode("ascii")


WEAK = {
    "unsafe npy": Target("weak", TARGETS["npy"].seeds, _unsafe, (ValueError,), planted=TARGETS["npy"].planted),
    "endless": Target("weak", lambda _: [b"[1]"], _endless, (), JSON_TOKENS),
    "greedy": Target("weak", lambda _: [b"ab"], _greedy, (MemoryError,)),
    "stale seed": Target("weak", lambda _: [b"a", b"\xff"], _other_error, (UnicodeDecodeError,)),
    "other error": Target("weak", lambda _: [b"a"], _other_error, (KeyError,)),
}

if __name__ == "__main__":
    sys.exit(fuzzing.main(sys.argv[1:], WEAK.__getitem__))
