from __future__ import annotations

import dataclasses
import json

import pytest

from benchmarks.environments import open_environment
from benchmarks.errors import BenchmarkError

PREPARE = "import json, os, pathlib; pathlib.Path('prepared.json').write_text(json.dumps(dict(os.environ)))"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_environment_is_made_once_with_the_peers_own_variables(make_peer, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("JUBAKO_SERVER__PORT", "1")
    # Only what comes with Python, so that no index is asked.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    peer = dataclasses.replace(
        make_peer(),
        requirements=("pip",),
        newest=("pip",),
        reported=("pip",),
        prepare=("python", "-c", PREPARE),
        environment={"ADDER_HOME": "$state"},
    )

    first = open_environment(peer, tmp_path / "cache")
    made = (first.folder / "pyvenv.cfg").stat().st_ino
    second = open_environment(peer, tmp_path / "cache")

    assert (second.folder / "pyvenv.cfg").stat().st_ino == made
    assert set(first.versions) == {"pip"}
    variables = json.loads((tmp_path / "prepared.json").read_text())
    assert variables["ADDER_HOME"] == str(first.state)
    assert not {"PYTHONPATH", "JUBAKO_SERVER__PORT"} & set(variables)
    failing = dataclasses.replace(peer, prepare=("python", "-c", "raise SystemExit('no data')"))
    with pytest.raises(BenchmarkError, match=r"(?s)adder: .*failed:\nno data"):
        open_environment(failing, tmp_path / "cache")
