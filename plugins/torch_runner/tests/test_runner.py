"""The runner answers what the module itself answers, in the caller's kind, and says what it does not take."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from sample_modules import Perceptron, Pictures, Sentences, TwoInTwoOut
from serving_modules import Answers, Doubling, UsingAgain, Weighted

import jubako.torch
from jubako.backends.inline import open_backend
from jubako.errors import BadInput, InvalidArgument, RunnerFailed, WrongRowCount

pytestmark = pytest.mark.usefixtures("workspace")


def runner_of(module, *, example_inputs=None, signatures=None, **options):
    tag = jubako.torch.save("model", module, init={}, example_inputs=example_inputs, signatures=signatures)
    return jubako.torch.load_runner(tag, **options)


def serve(workspace, runner, calls):
    """Start the runner in the inline backend, make all calls at once, and return their answers or errors."""

    async def run():
        backend = open_backend(workspace.composition, workspace.settings)
        await backend.start([runner])
        try:
            return await asyncio.gather(*(runner.async_run(*call) for call in calls), return_exceptions=True)
        finally:
            await backend.stop()

    return asyncio.run(run())


@torch.inference_mode()
def answer(module, *args, **kwargs):
    return module.eval()(*args, **kwargs)


def test_one_row_on_the_cpu_is_answered_to_the_last_bit_as_the_loaded_module_does():
    for module, rows in (
        (Perceptron(), torch.randn(5, 4)),
        (Pictures(), torch.randn(5, 3, 8, 8)),
        (Sentences(), torch.randint(0, 20, (5, 7))),
    ):
        runner = runner_of(module, example_inputs=rows[:1])
        loaded = jubako.torch.load(runner.tag)
        for row in rows:
            expected = answer(loaded, row[None])[0]
            assert torch.equal(runner.run(row), expected)
            np.testing.assert_array_equal(runner.run(row.numpy()), expected)


def test_many_callers_are_answered_as_the_module_does(workspace):
    for module, rows in (
        (Perceptron(), torch.randn(200, 4)),
        (Pictures(), torch.randn(60, 3, 8, 8)),
        (Sentences(), torch.randint(0, 20, (60, 7))),
    ):
        answers = serve(workspace, runner_of(module, example_inputs=rows[:1]), [(row.numpy(),) for row in rows])
        np.testing.assert_allclose(np.stack(answers), answer(module, rows), rtol=1e-5, atol=1e-5)


def test_several_inputs_and_outputs_keep_their_names(workspace):
    module, left, right = TwoInTwoOut(), torch.randn(9, 3), torch.randn(9, 2)
    runner = runner_of(module, example_inputs=(left[:1], right[:1]))
    expected = answer(module, left, right, scale=2.0)
    got = runner.run_batch(left, right, scale=2.0)
    torch.testing.assert_close(got["total"], expected["total"], rtol=1e-5, atol=1e-5)
    one = runner.run(left[3].numpy(), right=right[3].numpy(), scale=2.0)
    np.testing.assert_allclose(one["total"], expected["total"][3], rtol=1e-5)
    np.testing.assert_allclose(one["parts"][0], expected["parts"][0][3], rtol=1e-5)
    answers = serve(workspace, runner, [(left[at].numpy(), right[at].numpy()) for at in range(9)])
    expected = answer(module, left, right)
    np.testing.assert_allclose([got["total"] for got in answers], expected["total"], rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_module_of_half_precision_is_answered_within_its_precision(workspace, dtype):
    module, rows = Perceptron(), torch.randn(50, 4)
    expected = answer(module, rows)
    runner = runner_of(module, dtype=str(dtype))
    got = serve(workspace, runner, [(row,) for row in rows])
    assert {one.dtype for one in got} == {dtype}
    torch.testing.assert_close(torch.stack(got).float(), expected, rtol=2e-2, atol=2e-2)


def test_arrays_are_answered_with_float32_where_the_module_answers_with_bfloat16():
    runner = runner_of(Perceptron(), dtype="bfloat16")
    row = torch.randn(4)
    got = runner.run(row.numpy())
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, runner.run(row).float())
    assert runner_of(Perceptron(), dtype="float16").run(row.numpy()).dtype == np.float16


def test_a_module_that_was_saved_in_half_precision_takes_half_precision():
    with pytest.warns(UserWarning, match="can run code"):
        tag = jubako.torch.save("half", Perceptron().half(), serializer="torch.save")
    runner = jubako.torch.load_runner(tag)
    assert runner.run(torch.ones(4, dtype=torch.float16)).dtype == torch.float16
    with pytest.raises(BadInput, match=r"(?s)given float32 for argument 0.*The model takes float16"):
        runner.run(torch.ones(4))


def test_autocast_computes_in_the_type_it_names():
    runner = runner_of(Perceptron(), autocast="bfloat16")
    assert runner.run(torch.ones(4)).dtype == torch.bfloat16


def test_numbers_of_json_are_refused_with_what_to_do_about_them():
    runner = runner_of(Perceptron())
    words = (
        r"runner 'model' was given float64 for argument 0\.\n"
        r"The model takes float32; numbers of JSON.* are float64 .*\n"
        r'Do: declare input=NumpyNdarray\(dtype="float32"\) in the API, .*cast_inputs=True\)'
    )
    with pytest.raises(BadInput, match=words):
        runner.run(np.zeros(4))


def test_inputs_are_cast_if_the_runner_is_told_to():
    module = Perceptron()
    runner = runner_of(module, cast_inputs=True, example_inputs=torch.zeros(1, 4))
    rows = np.arange(8.0).reshape(2, 4)
    expected = answer(module, torch.from_numpy(rows).float())
    torch.testing.assert_close(torch.from_numpy(runner.run_batch(rows)), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(runner.run_batch(rows.astype(np.int64)), runner.run_batch(rows))
    tokens = runner_of(Sentences(), cast_inputs=True, example_inputs=torch.zeros(1, 3, dtype=torch.int64))
    assert tokens.run(np.array([1, 2, 3], np.int32)).shape == (3, 20)
    with pytest.raises(BadInput, match=r"(?s)was given float64 for argument 0.*Do: give int64$"):
        tokens.run(np.array([1.5, 2, 3]))


def test_whole_numbers_that_the_models_type_cannot_hold_are_refused():
    runner = runner_of(Doubling(), example_inputs=torch.zeros(1, 2, dtype=torch.uint8), cast_inputs=True)
    words = r"(?s)was given 300 for argument 0\.\nThe model takes uint8, of 0 to 255\.\nDo: give numbers of that range"
    for given in ([1, 300], np.array([1, 300]), torch.tensor([1, 300]), np.array([1, 300], np.uint16)):
        with pytest.raises(BadInput, match=words):
            runner.run(given)
    with pytest.raises(BadInput, match="was given -1 for argument 0"):
        runner.run([-1, 2])
    for given in ([1, 120], np.array([1, 120]), torch.tensor([1, 120]), np.array([1, 120], np.uint8)):
        assert runner.run(given).tolist() == [2, 240]


def test_whole_numbers_are_not_made_floating_ones():
    with pytest.raises(BadInput, match=r"(?s)given int64 for argument 0.*takes float32"):
        runner_of(Perceptron(), example_inputs=torch.zeros(1, 4)).run(np.arange(4))


def test_lists_of_numbers_take_the_type_that_the_model_takes():
    module = Perceptron()
    runner = runner_of(module, example_inputs=torch.zeros(1, 4))
    expected = runner.run(np.array([1, 2, 3, 4], np.float32))
    np.testing.assert_array_equal(runner.run([1.0, 2.0, 3.0, 4.0]), expected)
    np.testing.assert_array_equal(runner.run([1, 2, 3, 4]), expected)
    np.testing.assert_allclose(runner.run_batch([[1, 2, 3, 4.0]] * 2)[1], expected, rtol=1e-5)
    assert runner_of(module).run([1.0, 2.0, 3.0, 4.0]).dtype == np.float32
    with pytest.raises(BadInput, match=r"(?s)a list of numbers for argument 0.*A list has no type.*Do: give an array"):
        runner_of(module).run([1, 2, 3, 4])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0]], r"(?s)rows of different shapes for argument 0.*\(2,\), \(4,\).*pad_to"),
        ([["a", "b"]], "argument 0 that is no tensor"),
        ([[{"a": 1}]], "holds object, and not only numbers"),
        (np.array([["a"]]), "Its dtype is <U1"),
        (torch.eye(4).to_sparse(), "Its layout is torch.sparse_coo"),
    ],
)
def test_what_is_no_tensor_is_refused(given, words):
    with pytest.raises(BadInput, match=words):
        runner_of(Perceptron()).run_batch(given)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_a_quantised_tensor_is_refused():
    with pytest.raises(BadInput, match=r"It is quantised to torch\.quint8"):
        runner_of(Perceptron()).run(torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.quint8))


def test_a_row_of_another_shape_than_the_example_is_the_callers_mistake():
    runner = runner_of(Perceptron(), example_inputs=torch.zeros(1, 4))
    words = r"(?s)does not take this input.*argument 0 is a batch of shape \(1, 5\); the example input has \(1, 4\)"
    with pytest.raises(BadInput, match=words):
        runner.run(np.zeros(5, np.float32))
    with pytest.raises(BadInput, match="stands for nothing that the model knows"):
        runner_of(Sentences()).run(np.array([1, 99]))


def test_a_bad_row_among_many_is_alone_refused(workspace):
    module, rows = Perceptron(), np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    calls = [(row,) for row in rows]
    calls[7] = (rows[7].astype(np.float64),)
    calls[8] = (["a", "b"],)
    answers = serve(workspace, runner_of(module, example_inputs=torch.zeros(1, 4)), calls)
    assert [at for at, got in enumerate(answers) if isinstance(got, BadInput)] == [7, 8]
    fine = [at for at in range(30) if at not in (7, 8)]
    expected = answer(module, torch.from_numpy(rows))
    np.testing.assert_allclose(np.stack([answers[at] for at in fine]), expected[fine], rtol=1e-5, atol=1e-5)


def test_other_methods_are_called_by_name(workspace):
    module, rows = Perceptron(), torch.randn(6, 4)
    runner = runner_of(module, signatures={"classify": {"batchable": True}})
    assert runner.classify.run_batch(rows).tolist() == answer(module, rows).argmax(-1).tolist()
    assert runner.method("classify").run(rows[0]) == answer(module, rows)[0].argmax()
    named = jubako.torch.load_runner(runner.tag, predict_fn_name="classify")
    assert named.batch_options.enabled
    assert serve(workspace, named, [(row,) for row in rows]) == answer(module, rows).argmax(-1).tolist()


def test_a_method_that_cannot_be_served_is_refused():
    runner = runner_of(Perceptron())
    with pytest.raises(InvalidArgument, match="method 'train' of a module cannot be served"):
        jubako.torch.load_runner(runner.tag, predict_fn_name="train")
    with pytest.raises(InvalidArgument, match=r"a Perceptron has no method 'encode'"):
        jubako.torch.load_runner(runner.tag, predict_fn_name="encode").run(torch.ones(4))


def test_a_method_without_a_signature_is_not_joined():
    runner = runner_of(Perceptron())
    assert not jubako.torch.load_runner(runner.tag, predict_fn_name="classify").batch_options.enabled


def test_partial_kwargs_are_given_to_every_call_and_a_call_goes_before_them():
    module = TwoInTwoOut()
    left, right = torch.randn(2, 3), torch.randn(2, 2)
    runner = runner_of(module, partial_kwargs={"scale": 3.0})
    torch.testing.assert_close(runner.run_batch(left, right)["total"], answer(module, left, right, scale=3.0)["total"])
    got = runner.run_batch(left, right, scale=1.0)["total"]
    torch.testing.assert_close(got, answer(module, left, right, scale=1.0)["total"])
    assert runner.load_arguments["partial_kwargs"] == {"scale": 3.0}


def test_tensors_in_partial_kwargs_are_no_rows():
    module, weights, rows = Weighted(), torch.randn(4), torch.randn(3, 4)
    runner = runner_of(module, partial_kwargs={"weights": {"of": weights}})
    assert torch.equal(runner.run_batch(rows), rows * weights)
    # A replica cannot be told of tensors in JSON; it imports the service instead.
    assert runner.load_arguments is None


@pytest.mark.parametrize("partial", [{"scale": (1, 2)}, {"scale": {1: 2}}, {"scale": [{"of": (1,)}]}])
def test_a_replica_is_not_told_in_json_what_json_would_change(partial):
    assert runner_of(TwoInTwoOut(), partial_kwargs=partial).load_arguments is None


def test_load_arguments_are_json_like_and_make_an_equal_runner():
    pad_to = {"maximum": 12, "output_axis": 1, "mask": "is_padding", "mask_marks": "padding"}
    runner = runner_of(Sentences(), pad_to=pad_to, cast_inputs=True, dtype="bfloat16")
    again = jubako.torch.load_runner(runner.tag, **json.loads(json.dumps(runner.load_arguments)))
    assert (again.pad_to, again.cast_inputs, again.dtype) == (runner.pad_to, True, "bfloat16")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dtype": "int64"}, "dtype cannot be 'int64'"),
        ({"autocast": "float32"}, "autocast cannot be 'float32'"),
        ({"compile": 3}, "compile cannot be 3"),
        ({"partial_kwargs": [1]}, "partial_kwargs cannot be"),
        ({"pad_to": 12}, "pad_to cannot be 12"),
    ],
)
def test_a_wrong_option_is_refused_when_the_runner_is_made(options, words):
    with pytest.raises(InvalidArgument, match=words):
        runner_of(Perceptron(), **options)


def test_answers_can_be_changed_in_place_and_share_no_memory_with_the_next():
    runner = runner_of(Doubling())
    rows = torch.ones(2, 3)
    first = runner.run_batch(rows)
    first += 1
    assert runner.run_batch(rows).tolist() == [[2, 2, 2]] * 2
    assert first.tolist() == [[3, 3, 3]] * 2
    same = runner_of(Doubling(), predict_fn_name="same").run_batch(rows.numpy())
    same += 1
    assert rows.tolist() == [[1, 1, 1]] * 2


@pytest.mark.parametrize("as_given", [torch.Tensor.numpy, torch.Tensor.clone], ids=["array", "tensor"])
def test_answers_share_no_memory_with_what_the_module_keeps(as_given):
    runner = runner_of(UsingAgain())
    first = runner.run_batch(as_given(torch.ones(2, 3)))
    runner.run_batch(as_given(torch.zeros(2, 3)))
    assert first.tolist() == [[2, 2, 2]] * 2
    table = jubako.torch.load_runner(runner.tag, predict_fn_name="table")
    rows = table.run_batch(as_given(torch.ones(2, 3)))
    rows[0] += 1
    assert rows.tolist() == [[1, 1, 1], [0, 0, 0]]
    assert table.run(as_given(torch.ones(3))).tolist() == [0, 0, 0]


def test_answers_of_every_kind_are_rows():
    rows = torch.arange(6.0).reshape(2, 3)
    ask = lambda kind: jubako.torch.load_runner(tag, partial_kwargs={"kind": kind}).run_batch(rows)  # noqa: E731
    tag = jubako.torch.save("answers", Answers(), init={})
    assert type(ask("list")) is tuple
    pair = ask("pair with none")
    assert torch.equal(pair[0], rows)
    assert pair[1] == [None, None]
    assert torch.equal(ask("dataclass")["logits"], rows)
    assert jubako.torch.load_runner(tag, partial_kwargs={"kind": "pair with none"}).run(rows[0])[1] is None


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("mean", WrongRowCount, r"(?s)a tensor that is one number, for a batch of 2 rows.*along axis 0"),
        ("first", WrongRowCount, r"a tensor that is of shape \(1, 3\), for a batch of 2 rows"),
        ("dict with loss", WrongRowCount, "answered with 'loss': a tensor that is one number"),
        ("text", RunnerFailed, r"(?s)answered with a str.*Do: give the module a method that returns tensors"),
    ],
)
def test_answers_that_are_no_rows_are_refused(kind, error, words):
    tag = jubako.torch.save("answers", Answers(), init={})
    with pytest.raises(error, match=words):
        jubako.torch.load_runner(tag, partial_kwargs={"kind": kind}).run_batch(torch.ones(2, 3))


def test_every_thread_computes_without_gradients():
    runner = runner_of(Perceptron())
    torch.set_grad_enabled(True)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(runner.run(torch.ones(4)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 4
    assert not any(answer.requires_grad for answer in answers)
    assert torch.is_grad_enabled()


def test_a_call_of_no_rows_is_answered_with_none():
    assert runner_of(Perceptron()).run_batch(np.zeros((0, 4), np.float32)).shape == (0, 3)


def test_a_call_of_constants_alone_is_answered_with_arrays():
    runner = runner_of(Doubling(), predict_fn_name="ones")
    answer = runner.run_batch(2)
    assert type(answer["ones"]) is np.ndarray
    assert answer["ones"].tolist() == [1, 1]
    assert answer["of"] == 2


def test_other_axes_than_the_first_count_rows():
    runner = runner_of(Doubling(), signatures={"__call__": {"batch_dim": 1}})
    rows = torch.randn(3, 5)
    assert torch.equal(runner.run_batch(rows), rows * 2)
    assert torch.equal(runner.run(rows[:, 0]), rows[:, 0] * 2)


def test_making_a_runner_imports_no_framework(workspace):
    runner = runner_of(Perceptron())
    program = f"""
import sys
import jubako.torch
runner = jubako.torch.load_runner({str(runner.tag)!r}, pad_to={{"maximum": 3, "output_axis": None}})
assert runner.batch_options.enabled
print(*sorted({{"torch", "safetensors"}} & set(sys.modules)))
"""
    home = str(workspace.settings.stores.home)
    done = subprocess.run(
        [sys.executable, "-c", program], env={"JUBAKO_HOME": home, "PATH": ""}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert re.fullmatch(r"\s*", done.stdout)
