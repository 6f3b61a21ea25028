"""The demo's Bento, served with --isolated by a Python that has Jubako and nothing else."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.row("isolated"), pytest.mark.timeout(1200)]

IRIS = Path(__file__).parents[3] / "examples" / "iris"
PATIENCE_S = 900
SAVE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from sklearn.datasets import load_iris
from train import train_and_save
import jubako, jubako.sklearn

tag = train_and_save()
bento = jubako.build("service:svc", build_ctx=sys.argv[1], include=["service.py"])
flowers = load_iris().data
kinds = jubako.sklearn.load(tag).predict(flowers)
print(json.dumps({"path": str(bento.path), "tag": str(bento.tag), "rows": flowers.tolist(), "kinds": kinds.tolist()}))
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo's Bento in a home, and what its model says of every flower."""
    home = tmp_path_factory.mktemp("home")
    # Its `__pycache__` is the tests', not the repository's.
    environment = {**os.environ, "JUBAKO_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SAVE, str(IRIS)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return {**json.loads(done.stdout.splitlines()[-1]), "home": home}


@pytest.fixture(scope="module")
def only_jubako(demo, tmp_path_factory):
    """The interpreter of an environment with the Bento's own wheel of Jubako, and what that needs."""
    folder = tmp_path_factory.mktemp("only")
    (wheel,) = Path(demo["path"]).glob("env/python/wheels/jubako-*.whl")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=PATIENCE_S)
    python = folder / "bin/python"
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", wheel],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"there is no package index: {done.stderr[-300:]}")
    assert subprocess.run([python, "-c", "import sklearn"], capture_output=True, check=False).returncode == 1
    return python


def serve(python, demo, *arguments):
    """Start a server, ask it about every flower, stop it; return the seconds until it was ready, and right answers."""
    begin = time.monotonic()
    environment = {**os.environ, "JUBAKO_HOME": str(demo["home"]), "JUBAKO_SERVER__LOGGING__ACCESS__ENABLED": "false"}
    with subprocess.Popen(
        [python, "-m", "jubako", "serve", demo["tag"], "--port", "0", *arguments],
        env=environment,
        cwd=demo["home"],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            lines = []
            port = 0
            for line in process.stderr:
                lines.append(line)
                serving = re.search(r"Serving .* at http://127\.0\.0\.1:(\d+)", line)
                if serving:
                    port = int(serving[1])
                    break
            took_s = time.monotonic() - begin
            assert port, "".join(lines)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            right = 0
            for row, kind in zip(demo["rows"], demo["kinds"], strict=True):
                connection.request("POST", "/classify", json.dumps(row), {"content-type": "application/json"})
                right += json.loads(connection.getresponse().read()) == kind
            connection.close()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
    return took_s, right


def test_the_demo_is_served_where_only_jubako_is_installed(demo, only_jubako, figures):
    first_s, right = serve(only_jubako, demo, "--isolated")
    assert right == 150
    (made,) = (demo["home"] / ".store/environments").glob("*/*/bin/python")
    isolated, plain = [], []
    for _ in range(3):
        isolated.append(serve(only_jubako, demo, "--isolated"))
        plain.append(serve(made, demo))
    assert {right for _, right in (*isolated, *plain)} == {150}
    more_s = min(isolated)[0] - min(plain)[0]
    # The figure is what counts, and this only a bound for a busy machine.
    assert more_s < 30
    figures(
        answers="150 of 150 right",
        first_start_s=round(first_s, 1),
        later_start_s=round(min(isolated)[0], 2),
        more_than_a_plain_one_s=round(more_s, 2),
    )
