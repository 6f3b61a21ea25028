"""The example of texts of different lengths: trained, saved as data, served, and asked by many at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.harness.served import Served

EXAMPLE = Path(__file__).parents[2] / "examples" / "languages"

pytestmark = [pytest.mark.needs("torch"), pytest.mark.slow, pytest.mark.timeout(300)]

TEXTS = {
    "twenty-two": "English",
    "ninety-nine": "English",
    "dreiundvierzig": "German",
    "siebenundsiebzig": "German",
    "vingt-six": "French",
    "cinquante-quatre": "French",
    "treinta y uno": "Spanish",
    "cuarenta y ocho": "Spanish",
}


def test_many_texts_at_once_are_each_told_as_alone(tmp_path):
    for path in EXAMPLE.glob("*.py"):
        shutil.copy(path, tmp_path)
    environment = {**os.environ, "JUBAKO_HOME": str(tmp_path / "home")}
    trained = subprocess.run(
        [sys.executable, "train.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert trained.returncode == 0, trained.stderr
    assert "saved languages:" in trained.stdout
    assert not trained.stderr, "it is stored as data, without a warning"

    served = Served(tmp_path, "service:svc", JUBAKO_PLUGINS="torch_runner")
    try:
        served.wait_until_ready()
        alone = {text: served.post("/guess", text) for text in TEXTS}
        many = list(TEXTS) * 8
        with ThreadPoolExecutor(len(many)) as pool:
            together = list(pool.map(lambda text: served.post("/guess", text), many))
        assert served.stop() == 0
    finally:
        served.close()
        shutil.rmtree(served.temporary, ignore_errors=True)

    for text, (status, body) in [*alone.items(), *zip(many, together, strict=True)]:
        shares = json.loads(body)
        assert status == 200
        assert max(shares, key=shares.get) == TEXTS[text]
        # Rounded to three digits by the service.
        assert shares == pytest.approx(json.loads(alone[text][1]), abs=0.0015)
