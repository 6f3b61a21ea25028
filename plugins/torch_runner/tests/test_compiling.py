"""`compile=` on the CPU: in this process, and in a replica that is forked from one that has imported torch."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from compiled_modules import Telling

import jubako.torch
from jubako.runners.execution import set_up
from jubako.testing import serving
from jubako.values.placement import Placement

pytestmark = [
    pytest.mark.slow,
    # torch's own, of its compiler.
    pytest.mark.filterwarnings("ignore:.*torch.jit.script_method.*:DeprecationWarning"),
    pytest.mark.skipif(shutil.which("g++") is None, reason="torch compiles for the CPU with g++"),
]

SERVICE = """
import jubako
import jubako.torch
from jubako.io import JSON, NumpyNdarray

telling = jubako.torch.load_runner("telling", compile=True)
svc = jubako.Service("telling", runners=[telling])


@svc.api(input=NumpyNdarray(dtype="float32"), output=JSON())
async def tell(row):
    scores, is_compiled = await telling.async_run(row)
    return [scores.tolist(), bool(is_compiled)]
"""


@pytest.fixture
def saved(workspace):
    """The module in evaluation mode, and its tag."""
    module = Telling()
    tag = jubako.torch.save("telling", module, init={}, example_inputs=torch.zeros(1, 4))
    yield module.eval(), tag
    torch.compiler.reset()


@torch.inference_mode()
def test_a_module_is_compiled_when_it_is_set_up_and_not_again_for_other_numbers_of_rows(saved):
    module, tag = saved
    runner = jubako.torch.load_runner(tag, compile=True)
    runner.batch_options.max_batch_size = 8
    set_up(runner, Placement())
    # From here on, to compile is an error.
    with torch.compiler.set_stance("fail_on_recompile"):
        for rows in (1, 2, 3, 5, 8):
            given = torch.randn(rows, 4)
            scores, is_compiled = runner._run_batch(given)
            assert is_compiled.tolist() == [1] * rows
            torch.testing.assert_close(scores, module(given)[0], rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_a_replica_that_was_forked_compiles_and_answers_as_the_module_does(saved, workspace, tmp_path, monkeypatch):
    module, _ = saved
    folder = tmp_path / "service"
    folder.mkdir()
    (folder / "service.py").write_text(SERVICE)
    shutil.copy(Path(__file__).parent / "importable" / "compiled_modules.py", folder)
    monkeypatch.setenv("JUBAKO_HOME", str(workspace.settings.stores.home))
    rows = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    with (
        serving(folder / "service.py", backend="process", settings={"runners.resources.cpu": 1}) as client,
        ThreadPoolExecutor(8) as threads,
    ):
        answers = list(threads.map(lambda row: client.post("/tell", json=row.tolist()).json(), rows))
    assert all(is_compiled for _, is_compiled in answers)
    np.testing.assert_allclose([scores for scores, _ in answers], module(torch.from_numpy(rows))[0], atol=1e-5)
