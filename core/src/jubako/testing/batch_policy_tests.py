"""`BatchPolicyTests`: the contract of batch policies, for plugins' own tests."""

from __future__ import annotations

from jubako.contracts.batch_policy import BatchPolicy, QueueView
from jubako.dispatch.cost import LearnedCost
from jubako.values.batch_profile import BatchProfile, SizeCost
from jubako.values.resources import BatchOptions


class BatchPolicyTests:
    """Subclass it as `TestX` and say how the policy is made."""

    def make_policy(self, options: BatchOptions, cost: LearnedCost) -> BatchPolicy:
        """A fresh policy."""
        raise NotImplementedError("return a policy")

    def test_a_lone_caller_on_an_idle_server_is_sent_at_once(self) -> None:
        cost = LearnedCost()
        policy = self.make_policy(BatchOptions(), cost)
        now_s = 100.0
        for _ in range(50):
            view = QueueView(waiting_rows=1, limit_rows=128, is_full=False, oldest_arrival_s=now_s, running_batches=0)
            assert policy.decide(view, now_s).send
            policy.batch_sent(1, now_s)
            now_s += 0.005
            cost.learn(1, 0.005)
            policy.batch_returned(1, 0.005, 0, now_s)
            now_s += 0.001

    def test_a_full_batch_is_sent_even_while_another_runs(self) -> None:
        policy = self.make_policy(BatchOptions(max_batch_size=8), LearnedCost())
        policy.batch_sent(8, 0.0)
        view = QueueView(waiting_rows=8, limit_rows=8, is_full=True, oldest_arrival_s=0.0, running_batches=1)
        assert policy.decide(view, 0.001).send

    def test_no_call_is_held_for_longer_than_the_option_allows(self) -> None:
        options = BatchOptions(max_wait_ms=7.0)
        cost = LearnedCost()
        policy = self.make_policy(options, cost)
        now_s = 0.0
        for round_number in range(200):
            arrived_s = now_s
            waiting_rows = 1 + round_number % 5
            while True:
                view = QueueView(
                    waiting_rows=waiting_rows,
                    limit_rows=64,
                    is_full=False,
                    oldest_arrival_s=arrived_s,
                    running_batches=0,
                )
                decision = policy.decide(view, now_s)
                if decision.send:
                    break
                assert decision.look_again_s is not None, "nothing runs, so a hold must say when it ends"
                assert decision.look_again_s > now_s
                now_s = decision.look_again_s
            assert now_s - arrived_s <= options.max_wait_ms / 1000 + 1e-9
            policy.batch_sent(waiting_rows, now_s)
            now_s += 0.050
            cost.learn(waiting_rows, 0.050)
            policy.batch_returned(waiting_rows, 0.050, round_number % 3, now_s)

    def test_what_a_runner_measured_is_taken_before_the_first_decision(self) -> None:
        profile = BatchProfile(16, (SizeCost(1, 0.002), SizeCost(16, 0.010)))
        cost = LearnedCost()
        cost.expect(profile.sizes)
        for known in (BatchProfile(), profile):
            policy = self.make_policy(BatchOptions(), cost)
            policy.profile_known(known)
            view = QueueView(waiting_rows=1, limit_rows=16, is_full=False, oldest_arrival_s=5.0, running_batches=0)
            assert policy.decide(view, 5.0).send

    def test_a_decision_depends_on_the_given_time_only(self) -> None:
        views = [
            QueueView(waiting_rows=rows, limit_rows=16, is_full=rows >= 16, oldest_arrival_s=50.0, running_batches=0)
            for rows in (1, 3, 16)
        ]
        first, second = (self.make_policy(BatchOptions(), LearnedCost()) for _ in range(2))
        assert [first.decide(view, 50.0) for view in views] == [second.decide(view, 50.0) for view in views]
