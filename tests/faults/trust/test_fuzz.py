"""Every reader of bytes that others may have written gets bytes that nobody would write."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.faults.trust.fuzz_targets import ELSEWHERE, TARGETS

# As many inputs as take a few seconds; at full length, a few minutes.
EXECUTIONS = {
    "skops": (300, 30_000),
    "archives": (800, 100_000),
    "request bodies": (1_500, 200_000),
    "manifests": (1_000, 100_000),
}
OTHERS = (2_500, 200_000)


@pytest.mark.row("parser-fuzz")
@pytest.mark.timeout(4000)
@pytest.mark.skipif(sys.platform != "linux", reason="bounds the memory of the process as Linux does")
@pytest.mark.parametrize("name", [*TARGETS, *ELSEWHERE])
def test_bytes_of_any_kind_are_read_or_refused_as_documented(name, tmp_path, length, figures):
    executions = int(length(*EXECUTIONS.get(name, OTHERS)))
    command = [sys.executable, "-m", "tests.faults.trust.fuzzing", name, str(executions), "1", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3900, check=False)
    assert done.stdout, done.stderr[-4000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert not report["failure"], f"{tmp_path}/failed-{name}\n{report['failure']}"
    assert done.returncode == 0, done.stderr[-4000:]
    assert report["executions"] == executions
    assert report["outcomes"] > 1 or name == "trust file", "nothing was refused, or nothing accepted"
    assert report["grown_mib"] < 100
    figures(
        **{
            name: f"{report['executions']:,} inputs, {report['outcomes']} outcomes, "
            f"slowest {report['slowest_ms']:.0f} ms, memory +{report['grown_mib']:.0f} MiB, 0 failures"
        }
    )


@pytest.mark.parametrize("weak", ["unsafe npy", "endless", "greedy", "stale seed", "other error"])
def test_the_fuzzer_finds_what_it_is_there_for(weak, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.trust.weak_targets", weak, "2000", "1", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr[-4000:]
    assert json.loads(done.stdout.splitlines()[-1])["failure"]
    assert list(tmp_path.glob("failed-*"))
