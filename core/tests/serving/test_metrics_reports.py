"""What one process tells of itself, and how it asks for the sum; the link is a list here, the thread is real."""

from __future__ import annotations

import asyncio
import json
import logging
import queue

import pytest
from prometheus_client import CollectorRegistry, Counter

from jubako.serving.control import AskMetrics, Counted, Metrics
from jubako.serving.metrics_reports import MetricsReports

PATIENCE_S = 60.0


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def sent():
    return queue.SimpleQueue()


@pytest.fixture
def reports(registry, sent):
    opened = []

    def make(**options):
        opened.append(MetricsReports((registry,), sent.put, **options))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def counted(record):
    return {sample[0]: sample[2] for family in json.loads(record.snapshot) for sample in family[3]}


async def answer_next(reports, sent):
    """Be the supervisor for one question; return what was reported before it."""
    reported = None
    while not isinstance(record := await asyncio.to_thread(sent.get, timeout=PATIENCE_S), AskMetrics):
        reported = record
    reports.take_answer(Metrics(record.number, f"the sum {record.number}"))
    return reported


async def test_who_asks_reports_first_and_gets_the_sum(reports, registry, sent):
    made, counter = reports(answer_s=PATIENCE_S), Counter("orders", "Orders.", registry=registry)
    for expected in (1, 2):
        counter.inc()
        asking = asyncio.create_task(made.ask())
        await asyncio.sleep(0)
        assert counted(await answer_next(made, sent))["orders_total"] == expected
        assert await asking == f"the sum {expected}"


async def test_an_answer_to_an_earlier_question_is_none_to_a_later(reports, sent):
    made = reports(answer_s=0.2)
    assert await made.ask() is None
    asking = asyncio.create_task(made.ask())
    await asyncio.sleep(0)
    made.take_answer(Metrics(1, "too old"))
    assert await asking is None


async def test_without_an_answer_nobody_waits_for_long(reports):
    assert await asyncio.wait_for(reports(answer_s=0.05).ask(), PATIENCE_S) is None


async def test_a_link_that_takes_nothing_holds_up_only_the_thread(registry):
    gate = queue.SimpleQueue()
    made = MetricsReports((registry,), lambda _: gate.get(), answer_s=0.05)
    assert await made.ask() is None
    assert await made.ask() is None
    for _ in range(5):
        gate.put(None)
    made.close()


def test_the_last_report_has_everything(registry, sent):
    reports = MetricsReports((registry,), sent.put)
    Counter("orders", "Orders.", registry=registry).inc(7)
    reports.close()
    records = []
    while not sent.empty():
        records.append(sent.get())
    assert all(isinstance(record, Counted) for record in records)
    assert counted(records[-1])["orders_total"] == 7


async def test_a_collector_that_fails_is_logged_once(reports, registry, sent, caplog):
    class Failing:
        def describe(self):
            return []

        def collect(self):
            raise OSError("the disk is gone")

    registry.register(Failing())
    made = reports(answer_s=PATIENCE_S)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            asking = asyncio.create_task(made.ask())
            await asyncio.sleep(0)
            await answer_next(made, sent)
            await asking
    assert caplog.text.count("OSError: the disk is gone") == 1
