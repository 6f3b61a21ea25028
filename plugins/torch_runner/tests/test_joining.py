"""Calls that are joined: by kind, type and shape, with lengths padded and cut back, and on a device that overlaps."""

from __future__ import annotations

import asyncio
import math
import warnings
from collections import defaultdict

import numpy as np
import pytest
import torch
from sample_modules import Perceptron, Sentences, TwoInTwoOut
from serving_modules import Doubling, Failing, Kept, Pooled

import jubako.torch
from jubako.backends.inline import open_backend
from jubako.contracts.backend import RunnerCall
from jubako.contracts.runner import AnswerPerCall, PendingBatch
from jubako.errors import BadInput, BatchTooLarge, InvalidArgument, RunnerFailed
from jubako.payloads import PayloadTable
from jubako.plugins import compose
from jubako.runners.arguments import prepare_arguments
from jubako.runners.execution import Share, set_up
from jubako.values.placement import Placement
from jubako_torch_runner.devices.simulated import SimulatedDevice

pytestmark = [
    pytest.mark.usefixtures("workspace"),
    # Of torch's own encoder, where a mask lets it leave rows out.
    pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning"),
]

PADDING = {"maximum": 12, "output_axis": 1, "mask": "is_padding", "mask_marks": "padding"}


class Served:
    """A runner that is set up, and whose joiner is driven as the dispatcher drives it."""

    def __init__(self, module, *, device=None, example_inputs=None, signatures=None, **options):
        tag = jubako.torch.save("model", module, init={}, example_inputs=example_inputs, signatures=signatures)
        self.runner = jubako.torch.load_runner(tag, **options)
        if device is not None:
            self.runner.open_device = lambda placement: device
        set_up(self.runner, Placement())
        self.joiner = self.runner.call_joiner
        self.table = PayloadTable(compose())

    def prepare(self, *args, single=True, method="run", **kwargs):
        spec = self.runner.find_method(method, self.runner.batch_options)
        return prepare_arguments(RunnerCall(method, args, kwargs, single, math.inf), spec, self.table)

    def key(self, *args, **options):
        return self.joiner.fit_key("run", self.prepare(*args, **options))

    def run(self, calls):
        """One batch; the answer of each call."""
        answer = self.joiner.run("run", calls)
        if isinstance(answer, PendingBatch):
            answer = answer.result()
        if isinstance(answer, AnswerPerCall):
            shares = [
                Share(one, self.table.for_value(one), 0, call.rows, call.rows, 0, call.is_single)
                for call, one in zip(calls, answer.answers, strict=True)
            ]
            return [share.take() for share in shares]
        taken, start = [], 0
        for call in calls:
            share = Share(answer, self.table.for_value(answer), start, start + call.rows, -1, 0, call.is_single)
            taken.append(share.take())
            start += call.rows
        return taken

    def answer_all(self, calls):
        """The calls in batches of one key, the answers in the order of the calls; and how many batches that took."""
        groups = defaultdict(list)
        for at, call in enumerate(calls):
            groups[self.joiner.fit_key("run", call)].append(at)
        answers = [None] * len(calls)
        for positions in groups.values():
            for at, answer in zip(positions, self.run([calls[at] for at in positions]), strict=True):
                answers[at] = answer
        return answers, len(groups)


@torch.inference_mode()
def answer(module, *args, **kwargs):
    return module.eval()(*args, **kwargs)


def sentences(count):
    generator = np.random.default_rng(3)
    return [generator.integers(0, 20, size=int(generator.integers(1, 13))) for _ in range(count)]


def test_calls_of_one_type_and_shape_share_a_batch_and_others_do_not():
    served = Served(Perceptron(), example_inputs=torch.zeros(1, 4))
    row = np.zeros(4, np.float32)
    key = served.key(row)
    assert key == served.key(np.ones((3, 4), np.float32), single=False)
    others = [
        served.key(np.zeros(5, np.float32)),
        served.key(row.astype(np.float64)),
        served.key(torch.zeros(4)),
        served.key([0.0, 0.0, 0.0, 0.0]),
        served.key([0, 0, 0, 0]),
        served.key(row, None),
        served.key(row, "text"),
        served.key(rows=row),
    ]
    assert len({key, *others}) == 1 + len(others)


def test_numbers_and_none_given_to_run_are_the_same_for_all_rows():
    module = TwoInTwoOut()
    served = Served(module)
    left, right = torch.randn(4, 3), torch.randn(4, 2)
    calls = [served.prepare(left[at], right[at], scale=2.0) for at in range(4)]
    assert served.key(left[0], right[0], scale=2.0) != served.key(left[0], right[0], scale=3.0)
    expected = answer(module, left, right, scale=2.0)["total"]
    answers, batches = served.answer_all(calls)
    assert batches == 1
    torch.testing.assert_close(torch.stack([one["total"] for one in answers]), expected, rtol=1e-5, atol=1e-5)
    answers, _ = served.answer_all([served.prepare(left[0], right[0], scale=None)])
    torch.testing.assert_close(answers[0]["total"], answer(module, left[:1], right[:1])["total"][0])


def test_rows_and_batches_of_arrays_tensors_and_lists_get_their_own_answers_in_kind():
    module = Perceptron()
    served = Served(module, example_inputs=torch.zeros(1, 4))
    rows = torch.randn(12, 4)
    expected = answer(module, rows)
    calls = [
        served.prepare(rows[0]),
        served.prepare(rows[1:4], single=False),
        served.prepare(rows[4].numpy()),
        served.prepare(rows[5:9].numpy(), single=False),
        served.prepare(rows[9].tolist()),
        served.prepare(rows[10:].tolist(), single=False),
    ]
    answers, batches = served.answer_all(calls)
    assert batches == 3
    assert [type(one) for one in answers] == [torch.Tensor] * 2 + [np.ndarray] * 4
    got = torch.cat([torch.as_tensor(one).reshape(-1, 3) for one in answers])
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


def test_sentences_of_all_lengths_share_a_batch_and_are_answered_as_if_alone():
    module = Sentences()
    served = Served(module, pad_to={**PADDING, "multiple": 4})
    given = sentences(40)
    answers, batches = served.answer_all([served.prepare(one) for one in given])
    assert batches == 1
    for one, got in zip(given, answers, strict=True):
        expected = answer(module, torch.from_numpy(one)[None])[0]
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_half_precision_is_kept_where_the_mask_keeps():
    module = Sentences()
    served = Served(module, pad_to=PADDING, dtype="float16")
    given = sentences(10)
    answers, _ = served.answer_all([served.prepare(torch.from_numpy(one)) for one in given])
    module = Sentences()
    module.load_state_dict(jubako.torch.load(served.runner.tag).state_dict())
    for one, got in zip(given, answers, strict=True):
        expected = answer(module, torch.from_numpy(one)[None])[0]
        torch.testing.assert_close(got.float(), expected, rtol=1e-2, atol=2e-2)


def test_rows_of_different_lengths_in_one_call_are_answered_with_a_list():
    module = Sentences()
    served = Served(module, pad_to=PADDING, example_inputs=torch.zeros(1, 12, dtype=torch.int64))
    ragged, even = sentences(5), [list(range(4))] * 3
    calls = [served.prepare([one.tolist() for one in ragged], single=False), served.prepare(even, single=False)]
    answers = served.run(calls)
    assert type(answers[0]) is list
    for one, got in zip(ragged, answers[0], strict=True):
        np.testing.assert_allclose(got, answer(module, torch.from_numpy(one)[None])[0], rtol=1e-5, atol=1e-5)
    assert answers[1].shape == (3, 4, 20)
    direct = served.runner._run_batch([one.tolist() for one in ragged])
    assert [one.shape for one in direct] == [(len(one), 20) for one in ragged]


def test_without_an_output_axis_answers_are_not_cut():
    module = Pooled()
    options = {"maximum": 6, "output_axis": {"0": None, "1": 1}, "mask": "mask", "mask_dtype": "float32"}
    served = Served(module, pad_to=options)
    rows = [torch.randn(length, 6) for length in (2, 6, 3)]
    answers = served.run([served.prepare(row) for row in rows])
    for row, (pooled, kept) in zip(rows, answers, strict=True):
        torch.testing.assert_close(pooled, row.mean(0), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(kept, row)


def test_a_mask_that_callers_give_is_padded_too():
    module = Pooled()
    options = {"maximum": 6, "output_axis": {"0": None, "1": 1}, "mask": "mask", "mask_dtype": "float32"}
    served = Served(module, pad_to=options)
    rows = [torch.randn(length, 6) for length in (2, 5)]
    masks = [torch.tensor([1.0, 0]), torch.tensor([1.0, 1, 0, 0, 1])]
    answers = served.run([served.prepare(row, mask=mask) for row, mask in zip(rows, masks, strict=True)])
    for row, mask, (pooled, _) in zip(rows, masks, answers, strict=True):
        torch.testing.assert_close(pooled, row[mask.bool()].mean(0), rtol=1e-5, atol=1e-5)


def test_what_is_not_padded_gets_no_mask_and_is_exact():
    module = Sentences()
    served = Served(module, pad_to=PADDING)
    tokens = np.arange(7)
    assert np.array_equal(served.run([served.prepare(tokens)])[0], answer(module, torch.from_numpy(tokens)[None])[0])


def test_a_module_that_needs_a_mask_gets_one_where_nothing_is_padded():
    for options in ({"init": {}}, {"serializer": "torch.export"}):
        example = ((torch.zeros(1, 4),), {"mask": torch.ones(1, 4)})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a graph is code
            tag = jubako.torch.save("kept", Kept(), example_inputs=example, **options)
        runner = jubako.torch.load_runner(
            tag, pad_to={"maximum": 4, "multiple": 4, "output_axis": 1, "mask": "mask", "mask_dtype": "float32"}
        )
        for length in (3, 4):
            assert runner.run(torch.ones(length)).tolist() == [[1, 1]] * length


@pytest.mark.parametrize("output_axis", [2, 3, {"kept": 3}])
def test_an_axis_that_is_not_as_long_as_the_inputs_is_not_cut_back(output_axis):
    served = Served(Kept(), pad_to={"maximum": 4, "multiple": 4, "output_axis": output_axis, "mask": "mask"})
    calls = [served.prepare(torch.ones(length)) for length in (1, 2)]
    if isinstance(output_axis, dict):
        # No part of the answer has this name.
        assert [one.shape for one in served.run(calls)] == [(4, 2)] * 2
        return
    words = rf"(?s)a tensor of shape \(1, 4, 2\), for inputs of length 4\.\n.*axis {output_axis} .*right output_axis"
    with pytest.raises(RunnerFailed, match=words):
        served.run(calls)


@pytest.mark.parametrize(
    ("axes", "words"), [({"axis": 0}, "cannot have axis=0"), ({"output_axis": 0}, "output_axis=0")]
)
def test_the_axis_of_the_rows_is_not_padded(axes, words):
    tag = jubako.torch.save("kept", Kept(), init={})
    with pytest.raises(InvalidArgument, match=rf"(?s){words}.*Along this axis rows are counted"):
        jubako.torch.load_runner(tag, pad_to={"maximum": 4, "output_axis": 1, **axes})


@pytest.mark.parametrize(
    ("options", "example", "rows"),
    [
        ({"pad_to": {"maximum": 4, "output_axis": 1}}, torch.zeros(1, 4), torch.ones(2, 3)),
        ({"signatures": {"__call__": {"batch_dim": 1}}}, torch.zeros(4, 1), torch.ones(4, 2)),
    ],
    ids=["a padded length", "rows along another axis"],
)
def test_callers_are_not_blamed_for_what_may_differ_from_the_example(options, example, rows):
    served = Served(Failing(), example_inputs=example, **options)
    with pytest.raises(ValueError, match="the module's own mistake"):
        served.run([served.prepare(rows, single=False)])


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (np.zeros(13, np.int64), r"(?s)argument 0 with a length of 13.*at most 12.*Do: give less, or raise maximum"),
        (np.int64(3), "that is padded"),
    ],
)
def test_an_input_that_is_too_long_or_has_no_length_is_refused(tokens, words):
    served = Served(Sentences(), pad_to={**PADDING, "inputs": [0]})
    with pytest.raises(BadInput, match=words):
        served.run([served.prepare(np.stack([tokens]), single=False)])


def test_padded_arguments_of_one_call_have_one_length():
    served = Served(Pooled(), pad_to={"maximum": 6, "output_axis": None, "mask": "mask", "mask_dtype": "float32"})
    with pytest.raises(BadInput, match=r"(?s)'mask' with other lengths.*the same length"):
        served.run([served.prepare(torch.zeros(3, 6), mask=torch.zeros(2))])


def test_without_pad_to_inputs_of_different_lengths_are_kept_apart():
    module = Sentences()
    served = Served(module)
    given = [np.arange(length) for length in (3, 5, 3)]
    answers, batches = served.answer_all([served.prepare(one) for one in given])
    assert batches == 2
    for one, got in zip(given, answers, strict=True):
        np.testing.assert_allclose(got, answer(module, torch.from_numpy(one)[None])[0], rtol=1e-5, atol=1e-5)


def test_rows_count_along_another_axis_too():
    served = Served(Doubling(), signatures={"__call__": {"batch_dim": 1}})
    rows = torch.randn(3, 5)
    answers = served.runner.call_joiner.run("run", [served.prepare(rows[:, at]) for at in range(5)])
    assert torch.equal(answers, rows * 2)


def test_a_device_that_overlaps_computes_what_its_curve_prefers_and_answers_later():
    module, device = Perceptron(), SimulatedDevice(step_rows=64)
    served = Served(module, device=device, example_inputs=torch.zeros(1, 4))
    profile = served.runner.batch_profile("run")
    assert profile.limit_rows is not None
    assert 32 <= profile.limit_rows <= 37
    assert served.runner.batch_profile("classify") is None
    device.forget_activity()
    rows = torch.randn(13, 4)
    pending = served.joiner.run("run", [served.prepare(row) for row in rows])
    assert isinstance(pending, PendingBatch)
    torch.testing.assert_close(pending.result(), answer(module, rows), rtol=1e-5, atol=1e-5)
    # 13 rows take no less time than 16.
    assert device.activity.rows == 16
    assert pending.compute_s == device.compute_s(16)


def test_a_batch_without_room_on_the_device_is_too_large():
    served = Served(Perceptron(), device=SimulatedDevice())
    with pytest.raises(BatchTooLarge, match=r"(?s)'model' has no room on its device.*38 rows do not fit"):
        served.joiner.run("run", [served.prepare(torch.zeros(38, 4), single=False)])


def test_many_callers_of_an_overlapping_device_lose_nothing(workspace):
    module, device = Perceptron(), SimulatedDevice()
    runner = jubako.torch.load_runner(jubako.torch.save("model", module, init={}, example_inputs=torch.zeros(1, 4)))
    runner.open_device = lambda placement: device
    rows = torch.randn(300, 4)

    async def run():
        backend = open_backend(workspace.composition, workspace.settings)
        await backend.start([runner])
        try:
            return await asyncio.gather(*(runner.async_run(row) for row in rows))
        finally:
            await backend.stop()

    answers = asyncio.run(run())
    torch.testing.assert_close(torch.stack(answers), answer(module, rows), rtol=1e-5, atol=1e-5)
    assert device.activity.largest_rows <= 37
