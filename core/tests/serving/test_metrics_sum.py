"""The sum over processes: real registries of prometheus_client, read back by its own parser."""

from __future__ import annotations

import json
import math

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from jubako.serving.metrics_sum import MetricsSum, take_snapshot


def sent(*registries):
    """A snapshot after its way over a link of JSON."""
    return json.loads(json.dumps(take_snapshot(registries), allow_nan=False))


def samples(text):
    """Sample name and labels to value, as a scraper reads them."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Process:
    """One process's registry, with a metric of each kind."""

    def __init__(self, bounds=(0.1, 1.0)):
        self.registry = CollectorRegistry()
        self.orders = Counter("orders", "Orders\nof all \\ kinds.", ["kind"], registry=self.registry)
        self.seconds = Histogram("work_seconds", "Work.", ["kind"], buckets=bounds, registry=self.registry)
        self.size = Summary("size", "Sizes.", registry=self.registry)
        self.open = Gauge("things_open", "Open.", registry=self.registry)

    def report(self, total, *process):
        total.add(*process, sent(self.registry))


def test_counters_histograms_and_summaries_are_added_up_and_stay():
    total = MetricsSum()
    for slot in range(3):
        process = Process()
        process.orders.labels('a "b"\n').inc(2)
        process.seconds.labels("x").observe(0.5)
        process.size.observe(4)
        process.report(total, "api", slot, 1)
        total.forget_gauges("api", slot, 1)
    read = samples(total.render())
    assert read["orders_total", (("kind", 'a "b"\n'),)] == 6
    assert read["work_seconds_bucket", (("kind", "x"), ("le", "0.1"))] == 0
    assert read["work_seconds_bucket", (("kind", "x"), ("le", "1.0"))] == 3
    assert read["work_seconds_bucket", (("kind", "x"), ("le", "+Inf"))] == 3
    assert read["work_seconds_count", (("kind", "x"),)] == 3
    assert read["work_seconds_sum", (("kind", "x"),)] == 1.5
    assert read["size_sum", ()] == 12


def test_a_report_replaces_the_one_before():
    total, process = MetricsSum(), Process()
    for _ in range(3):
        process.orders.labels("a").inc()
        process.report(total, "api", 0, 1)
    assert samples(total.render())["orders_total", (("kind", "a"),)] == 3


def test_gauges_are_added_up_over_the_living():
    total = MetricsSum()
    for slot in range(3):
        process = Process()
        process.open.set(slot + 1)
        process.report(total, "api", slot, 1)
    assert samples(total.render())["things_open", ()] == 6
    total.forget_gauges("api", 2, 1)
    assert samples(total.render())["things_open", ()] == 3
    for slot in range(2):
        total.forget_gauges("api", slot, 1)
    assert ("things_open", ()) not in samples(total.render())


def test_of_infos_and_states_the_largest_is_told():
    total = MetricsSum()
    for slot, state in enumerate(["up", "down"]):
        registry = CollectorRegistry()
        Info("build", "Build.", registry=registry).info({"version": "1"})
        Enum("phase", "Phase.", states=["up", "down"], registry=registry).state(state)
        total.add("api", slot, 1, sent(registry))
    read = samples(total.render())
    assert read["build_info", (("version", "1"),)] == 1
    assert read["phase", (("phase", "up"),)] == read["phase", (("phase", "down"),)] == 1


def test_what_is_of_one_process_is_told_of_each():
    total = MetricsSum()
    for role, slot, used_bytes in (("api", 0, 100.0), ("replica", 0, 200.0), ("replica", 1, 300.0)):
        registry = CollectorRegistry()
        Gauge("process_resident_memory_bytes", "Memory.", registry=registry).set(used_bytes)
        total.add(role, slot, 1, sent(registry))
    assert samples(total.render()) == {
        ("process_resident_memory_bytes", (("role", "api"), ("slot", "0"))): 100,
        ("process_resident_memory_bytes", (("role", "replica"), ("slot", "0"))): 200,
        ("process_resident_memory_bytes", (("role", "replica"), ("slot", "1"))): 300,
    }


def test_processes_of_two_generations_may_share_a_slot():
    total = MetricsSum()
    for incarnation in (1, 2):
        process = Process()
        process.orders.labels("a").inc(incarnation)
        process.open.set(1)
        process.report(total, "api", 0, incarnation)
    read = samples(total.render())
    assert (read["orders_total", (("kind", "a"),)], read["things_open", ()]) == (3, 2)


def test_other_bounds_after_a_reload_leave_a_histogram_that_is_one():
    total = MetricsSum()
    for incarnation, bounds in enumerate([(0.1, 1.0), (0.5, 2.0)]):
        process = Process(bounds)
        for seconds in (0.05, 0.7, 5.0):
            process.seconds.labels("x").observe(seconds)
        process.report(total, "api", 0, incarnation)
    read = samples(total.render())
    counts = [read["work_seconds_bucket", (("kind", "x"), ("le", le))] for le in ("0.1", "0.5", "1.0", "2.0", "+Inf")]
    assert counts == sorted(counts)
    assert counts[-1] == read["work_seconds_count", (("kind", "x"),)] == 6


def test_a_report_that_comes_after_the_end_is_passed_over():
    total, process = MetricsSum(), Process()
    process.orders.labels("a").inc()
    process.open.set(7)
    process.report(total, "replica", 0, 1)
    total.forget_gauges("replica", 0, 1)
    process.report(total, "replica", 0, 1)
    read = samples(total.render())
    assert read["orders_total", (("kind", "a"),)] == 1
    assert ("things_open", ()) not in read


def test_the_end_of_a_process_that_never_reported_changes_nothing():
    total = MetricsSum()
    total.forget_gauges("replica", 0, 1)
    assert total.render() == ""


def test_a_metric_that_changes_its_kind_is_what_it_is_now():
    total, registry = MetricsSum(), CollectorRegistry()
    Counter("load", "Was counted.", registry=registry).inc(5)
    total.add("api", 0, 1, sent(registry))
    total.forget_gauges("api", 0, 1)
    registry = CollectorRegistry()
    Gauge("load", "Is measured.", registry=registry).set(2)
    total.add("api", 0, 2, sent(registry))
    assert samples(total.render()) == {("load", ()): 2}


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_numbers_that_json_has_not_arrive(value):
    total, process = MetricsSum(), Process()
    process.open.set(value)
    process.report(total, "api", 0, 1)
    assert samples(total.render())["things_open", ()] == value


def test_a_number_that_is_none_arrives():
    total, process = MetricsSum(), Process()
    process.open.set(math.nan)
    process.report(total, "api", 0, 1)
    assert math.isnan(samples(total.render())["things_open", ()])


class Failing:
    """A collector of user code."""

    def collect(self):
        yield GaugeMetricFamily("before", "Told before it fails.", 1)
        raise OSError("the disk is gone")


def test_a_collector_that_fails_costs_its_own_registry_only():
    broken = CollectorRegistry(auto_describe=False)
    broken.register(Failing())
    errors = []
    families = take_snapshot([broken, Process().registry], errors.append)
    assert [str(error) for error in errors] == ["the disk is gone"]
    assert {"before", "orders", "things_open"} <= {family[0] for family in families}


class Restarts(RuleBasedStateMachine):
    """Processes that count, report, die with or without a last word, and are replaced; a scraper looks on."""

    def __init__(self):
        super().__init__()
        self.total = MetricsSum()
        self.living = {}
        self.begun = 0
        self.seen = {}

    @rule(slot=st.integers(0, 2))
    def start(self, slot):
        self.begun += 1
        self.living[slot, self.begun] = Process()

    @precondition(lambda self: self.living)
    @rule(data=st.data(), amount=st.floats(0, 1e6), kind=st.sampled_from("ab"))
    def count(self, data, amount, kind):
        process = self.living[data.draw(st.sampled_from(sorted(self.living)))]
        process.orders.labels(kind).inc(amount)
        process.seconds.labels(kind).observe(amount)
        process.size.observe(amount)

    @precondition(lambda self: self.living)
    @rule(data=st.data())
    def report(self, data):
        slot, number = data.draw(st.sampled_from(sorted(self.living)))
        self.living[slot, number].report(self.total, "replica", slot, number)

    @precondition(lambda self: self.living)
    @rule(data=st.data(), says_goodbye=st.booleans(), speaks_from_the_grave=st.booleans())
    def end(self, data, says_goodbye, speaks_from_the_grave):
        slot, number = data.draw(st.sampled_from(sorted(self.living)))
        process = self.living.pop((slot, number))
        if says_goodbye:
            process.report(self.total, "replica", slot, number)
        self.total.forget_gauges("replica", slot, number)
        if speaks_from_the_grave:
            process.report(self.total, "replica", slot, number)

    @invariant()
    def nothing_that_is_counted_goes_back(self):
        read = {key: value for key, value in samples(self.total.render()).items() if key[0] != "things_open"}
        assert all(read[key] >= value for key, value in self.seen.items())
        self.seen = read

    @invariant()
    def buckets_are_cumulative(self):
        for kind in "ab":
            bounds = ["0.1", "1.0", "+Inf"]
            counts = [self.seen.get(("work_seconds_bucket", (("kind", kind), ("le", le))), 0) for le in bounds]
            assert counts == sorted(counts)
            assert counts[-1] == self.seen.get(("work_seconds_count", (("kind", kind),)), 0)


TestRestarts = Restarts.TestCase
TestRestarts.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
