"""A module behind `jubako serve`, in a replica process of its own, and an API worker that never imports torch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from sample_modules import Perceptron, Sentences

import jubako.torch
from jubako.testing import serving

SERVICE = """
import sys

import numpy as np

import jubako
import jubako.torch
from jubako.io import JSON, NumpyNdarray

mlp = jubako.torch.load_runner("mlp")
words = jubako.torch.load_runner(
    "words", pad_to={"maximum": 12, "output_axis": 1, "mask": "is_padding", "mask_marks": "padding"}
)
svc = jubako.Service("scores", runners=[mlp, words])


@svc.api(input=NumpyNdarray(dtype="float32"), output=NumpyNdarray())
async def score(row):
    return await mlp.async_run(row)


@svc.api(input=NumpyNdarray(), output=NumpyNdarray())
async def score_unread(row):
    return await mlp.async_run(row)


@svc.api(input=JSON(), output=NumpyNdarray())
async def read(tokens):
    return await words.async_run(np.array(tokens))


@svc.api(input=JSON(), output=JSON())
async def knows_torch(_):
    return "torch" in sys.modules


@svc.api(input=JSON(), output=JSON())
async def score_tensor(row):
    import torch

    answer = await mlp.async_run(torch.tensor(row))
    return [type(answer).__name__, answer.tolist()]
"""


@pytest.fixture
def served(workspace, tmp_path, monkeypatch):
    """The service, and its two modules."""
    modules = Perceptron(), Sentences()
    jubako.torch.save("mlp", modules[0], init={}, example_inputs=torch.zeros(1, 4))
    jubako.torch.save("words", modules[1], init={}, example_inputs=torch.zeros(1, 5, dtype=torch.int64))
    folder = tmp_path / "service"
    folder.mkdir()
    (folder / "service.py").write_text(SERVICE)
    sample = Path(__file__).parent / "importable" / "sample_modules.py"
    (folder / "sample_modules.py").write_text(sample.read_text())
    monkeypatch.setenv("JUBAKO_HOME", str(workspace.settings.stores.home))
    settings = {"runners.resources.cpu": 1}
    with serving(folder / "service.py", backend="process", settings=settings) as client:
        yield client, *(module.eval() for module in modules)


@torch.inference_mode()
def test_a_replica_process_answers_arrays_tensors_and_padded_lists_as_the_module_does(served):
    client, mlp, words = served
    rows = np.random.default_rng(0).normal(size=(40, 4)).round(3).astype(np.float32)
    sentences = [list(range(1, 2 + at % 12)) for at in range(40)]
    with ThreadPoolExecutor(16) as threads:
        scores = list(threads.map(lambda row: client.post("/score", json=row.tolist()).json(), rows))
        readings = list(threads.map(lambda tokens: client.post("/read", json=tokens).json(), sentences))
    np.testing.assert_allclose(scores, mlp(torch.from_numpy(rows)), rtol=1e-5, atol=1e-5)
    for tokens, reading in zip(sentences, readings, strict=True):
        np.testing.assert_allclose(reading, words(torch.tensor([tokens]))[0], rtol=1e-5, atol=1e-5)
    refused = client.post("/score_unread", json=[1.5, 2, 3, 4])
    assert refused.status_code == 400
    assert 'NumpyNdarray(dtype=\\"float32\\")' in refused.text
    too_long = client.post("/read", json=[1] * 13)
    assert too_long.status_code == 400
    assert "at most 12" in too_long.text
    assert client.post("/knows_torch", json=0).json() is False
    kind, answer = client.post("/score_tensor", json=rows[3].tolist()).json()
    assert kind == "Tensor"
    np.testing.assert_allclose(answer, scores[3], rtol=1e-6)
    assert 'jubako_device_batch_rows_sum{device="cpu",runner="mlp"}' in client.get("/metrics").text
