"""The checks of the PyTorch runner, on the device that is simulated."""

from __future__ import annotations

import pytest

from benchmarks.errors import BenchmarkError
from jubako.settings import load_settings
from jubako.workspace import open_workspace, using_workspace

pytestmark = pytest.mark.needs("torch")


def test_a_device_that_is_not_here_is_an_error_that_says_what_to_do():
    from benchmarks.gpu.command import choose_target

    with pytest.raises(
        BenchmarkError, match=r"cuda:99 is not here: .* Do: run it where there is one, or with --device"
    ):
        choose_target("cuda:99")
    with pytest.raises(BenchmarkError, match=r"'tpu' is no device. Do: write cuda:0, cpu or simulated"):
        choose_target("tpu")


async def test_every_part_runs_on_the_simulated_device(tmp_path):
    from benchmarks.gpu.command import choose_target, run_parts, write_page
    from benchmarks.gpu.parts import Lengths

    with using_workspace(open_workspace(load_settings(environment={"JUBAKO_HOME": str(tmp_path)}))):
        findings = await run_parts(choose_target("simulated"), Lengths(turn_s=0.2, rounds=1, latency_s=0.2, calls=50))

    parts = [finding.part for finding in findings]
    assert parts == [
        *("answers as the module", "calls of random sizes", "out of memory", "start", "saturation"),
        *("of the plain loop", "device computes", "copies and computes"),
        *("median latency at 70 %", "99th percentile at 70 %"),
    ]
    # How fast it is depends on what else the machine does; that nothing is lost does not.
    assert all(finding.holds for finding in findings[:3]), findings
    page = write_page("simulated", findings, {"device": "none"}, "python -m benchmarks.gpu")
    assert "| calls of random sizes " in page
    assert "- device: none" in page


async def test_a_part_that_fails_is_told_and_the_others_go_on(tmp_path):
    from benchmarks.gpu.command import run_parts
    from benchmarks.gpu.parts import Lengths
    from benchmarks.gpu.simulated import Simulated

    class Broken(Simulated):
        def open_device(self, placement):
            raise RuntimeError("no such\ndevice")

    with using_workspace(open_workspace(load_settings(environment={"JUBAKO_HOME": str(tmp_path)}))):
        findings = await run_parts(Broken(), Lengths(turn_s=0.1, rounds=1, latency_s=0.1, calls=5))

    assert [finding.part for finding in findings] == ["answers", "calls", "memory", "saturation"]
    assert all(finding.holds is False for finding in findings)
    assert all("no such device" in finding.figure for finding in findings)
