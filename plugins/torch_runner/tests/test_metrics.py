"""What the plugin tells Prometheus of its devices."""

from __future__ import annotations

import subprocess
import sys

import attrs
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from jubako.serving.metrics_sum import MetricsSum, take_snapshot
from jubako.values.placement import Placement
from jubako_torch_runner.device import BatchTimes, DeviceMemory
from jubako_torch_runner.metrics import DeviceMetrics, device_label

TIMES = BatchTimes(copy_s=0.002, compute_s=0.03)


@pytest.fixture
def registry():
    """Of its own: what is counted in the default one stays for good."""
    return CollectorRegistry()


def value(registry, name, **labels):
    return registry.get_sample_value(f"jubako_device_{name}", {"runner": "net", "device": "cpu", **labels})


def test_batches_are_counted_with_their_rows_and_times(registry):
    metrics = DeviceMetrics("net", "cpu", registry)
    metrics.batch(5, 8, TIMES)
    metrics.batch(8, 8, TIMES)
    assert value(registry, "batch_rows_count") == 2
    assert value(registry, "batch_rows_sum") == 13
    assert value(registry, "batch_rows_bucket", le="4.0") == 0
    assert value(registry, "computed_rows_total") == 16
    assert value(registry, "padding_rows_total") == 3
    assert value(registry, "copy_seconds_sum") == pytest.approx(0.004)
    assert value(registry, "compute_seconds_sum") == pytest.approx(0.06)


def test_padding_of_lengths_is_counted_in_elements(registry):
    metrics = DeviceMetrics("net", "cpu", registry)
    metrics.batch(2, 2, TIMES, elements=20, padding=7)
    assert value(registry, "computed_elements_total") == 20
    assert value(registry, "padding_elements_total") == 7


def test_the_limit_follows_what_did_and_did_not_fit(registry):
    metrics = DeviceMetrics("net", "cpu", registry)
    metrics.ran_out_of_memory(64)
    assert value(registry, "batch_limit_rows") == 63
    metrics.ran_out_of_memory(38)
    assert value(registry, "batch_limit_rows") == 37
    metrics.batch(37, 37, TIMES)
    assert value(registry, "batch_limit_rows") == 37
    metrics.batch(40, 40, TIMES)
    assert value(registry, "batch_limit_rows") == 40
    assert value(registry, "out_of_memory_total") == 2


def test_memory_is_read_when_metrics_are(registry):
    memory = DeviceMemory(used_bytes=1, limit_bytes=100)
    metrics = DeviceMetrics("net", "cpu", registry)
    metrics.watch_memory(lambda: memory)
    memory = attrs.evolve(memory, used_bytes=64)
    assert value(registry, "memory_used_bytes") == 64
    assert value(registry, "memory_limit_bytes") == 100


def test_a_device_that_is_closed_has_no_memory_and_no_limit_and_keeps_its_counts(registry):
    metrics = DeviceMetrics("net", "cpu", registry)
    metrics.watch_memory(lambda: DeviceMemory(1, 2))
    metrics.limit(37)
    metrics.batch(1, 1, TIMES)
    metrics.close()
    metrics.close()
    for name in ("memory_used_bytes", "memory_limit_bytes", "batch_limit_rows"):
        assert value(registry, name) is None
    assert value(registry, "batch_rows_count") == 1


def test_two_runners_and_one_that_is_started_again_share_the_metrics_of_a_process(registry):
    DeviceMetrics("net", "cpu", registry).batch(1, 1, TIMES)
    DeviceMetrics("other", "cpu", registry).batch(1, 1, TIMES)
    DeviceMetrics("net", "cpu", registry).batch(1, 1, TIMES)
    assert value(registry, "batch_rows_count") == 2
    assert value(registry, "batch_rows_count", runner="other") == 1


def test_a_gpu_is_called_by_its_index_on_the_machine():
    assert device_label(Placement(), "cpu") == "cpu"
    assert device_label(Placement(device="cuda:0", gpu_index=3), "cuda:0") == "cuda:3"


def test_the_sum_of_several_replicas_can_be_made(registry):
    DeviceMetrics("net", "cpu", registry).batch(3, 4, TIMES)
    total = MetricsSum()
    for slot in range(2):
        total.add("replica", slot, slot, take_snapshot([registry]))
    assert 'jubako_device_padding_rows_total{device="cpu",runner="net"} 2' in total.render()
    assert b"# HELP jubako_device_compute_seconds" in generate_latest(registry)


def test_it_counts_in_the_registry_that_replicas_report_and_imports_no_torch():
    program = """
import sys
from types import SimpleNamespace
from prometheus_client import REGISTRY
from jubako_torch_runner.metrics import DeviceMetrics
DeviceMetrics("net", "cpu").batch(3, 4, SimpleNamespace(copy_s=0.1, compute_s=0.1))
print(REGISTRY.get_sample_value("jubako_device_computed_rows_total", {"runner": "net", "device": "cpu"}))
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["4.0", "False"]
