from __future__ import annotations

import pytest

from jubako.runners.machine import discover_machine


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_without_limits_the_machine_is_what_the_process_may_use(tmp_path):
    machine = discover_machine(tmp_path)
    assert machine.cpus >= 1
    assert machine.memory_bytes > 1 << 20


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"cpu.max": "50000 100000"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "25000", "cpu/cpu.cfs_period_us": "100000"}, 0.25),
    ],
)
def test_quotas_of_both_kinds_of_control_groups_count(tmp_path, files, cpus):
    for name, text in files.items():
        write(tmp_path / name, text)
    assert discover_machine(tmp_path).cpus == cpus


@pytest.mark.parametrize(
    "files",
    [
        {"cpu.max": "max 100000"},
        {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
        {"cpu/cpu.shares": "1024"},
    ],
)
def test_what_is_no_limit_is_not_taken_for_one(tmp_path, files):
    unlimited = discover_machine(tmp_path).cpus
    for name, text in files.items():
        write(tmp_path / name, text)
    assert discover_machine(tmp_path).cpus == unlimited


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_memory_limit_counts(tmp_path, name):
    write(tmp_path / name, str(64 << 20))
    assert discover_machine(tmp_path).memory_bytes == 64 << 20
