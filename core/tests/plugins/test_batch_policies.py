"""A batch policy that a plugin offers is used by the runner that names it."""

from __future__ import annotations

import asyncio

import pytest

from jubako.backends.inline import open_backend
from jubako.contracts.offers import BatchPolicyType
from jubako.errors import OfferNotFound
from jubako.plugins import Candidate, compose
from jubako.runners import Runner
from jubako.settings import load_settings

PLUGIN = '''
import jubako
from jubako.contracts.batch_policy import BatchPolicy, Decision
from jubako.contracts.offers import BatchPolicyType

made = []

class Pairs(BatchPolicy):
    """Sends pairs, and one alone after the longest wait."""

    def __init__(self, options, cost):
        self.longest_s = options.max_wait_ms / 1000
        made.append(self)

    def decide(self, queue, now_s):
        end_s = queue.oldest_arrival_s + self.longest_s
        send = queue.waiting_rows >= 2 or queue.is_full or now_s >= end_s
        return Decision(send=send, look_again_s=None if send else end_s, max_rows=2)

    def batch_sent(self, rows, now_s):
        pass

    def batch_returned(self, rows, seconds, waiting_rows, now_s):
        pass

@jubako.hookimpl
def jubako_register_batch_policies():
    yield BatchPolicyType(name="pairs", summary="Sends pairs.", policy="jubako_pairs:Pairs")
'''


class Sizes(Runner):
    """Answers each row with the size of its batch."""

    def _setup(self):
        pass

    def _run_batch(self, rows):
        return [len(rows)] * len(rows)


@pytest.fixture
def composition(site):
    site.install_plugin("pairs", PLUGIN)
    return compose(candidates=[Candidate("pairs", "jubako_pairs", "jubako-pairs", "1.0")])


async def test_the_policy_of_a_plugin_decides_for_the_runner_that_names_it(composition):
    runner = Sizes(batch_options={"policy": "pairs", "max_wait_ms": 3_600_000})
    backend = open_backend(composition, load_settings())
    await backend.start([runner])
    try:
        assert await runner.async_run_batch([1, 2, 3, 4, 5, 6]) == [6] * 6, "one call is never cut below the limit"
        assert await asyncio.gather(*(runner.async_run(number) for number in range(6))) == [2] * 6
    finally:
        await backend.stop()
    assert composition.provider(composition.find(BatchPolicyType, "pairs")).name == "pairs"


async def test_a_policy_that_nobody_offers_is_told(composition):
    backend = open_backend(composition, load_settings(overrides={"runners.batching.policy": "triples"}))
    with pytest.raises(OfferNotFound, match="triples"):
        await backend.start([Sizes()])


def test_the_built_in_policies_come_through_the_same_hook(composition):
    assert [offer.name for offer in composition.offers(BatchPolicyType)] == ["adaptive", "immediate", "pairs"]
