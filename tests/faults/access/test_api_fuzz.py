"""Services, asked whatever their OpenAPI document allows, and whatever it does not, by schemathesis."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.state import resident_kib
from tests.faults.watched import Request, Watched

DEMO = Path(__file__).parents[3] / "examples" / "iris"
EVERY_DESCRIPTOR = Path(__file__).parent / "every_descriptor"
FLOWER = Request("/classify", "[5.1, 3.5, 1.4, 0.2]")

# What is checked: no 5xx, no status, content type or answer that the document lacks, nothing taken that it forbids.
# Left out is that everything is taken that it allows: a model refuses what it cannot compute with (here numbers that
# float32 has no room for), and no schema says what that is.
LEFT_OUT = "positive_data_acceptance"
# A deadline that the service cannot meet is answered 504, as documented; here it is to show other mistakes.
START = """
import schemathesis
from schemathesis.cli import schemathesis as command

@schemathesis.hook
def filter_headers(context, headers):
    try:
        return not 0 < float((headers or {}).get("X-Request-Timeout", "1")) < 1
    except ValueError:
        return True

command()
"""


def fuzz(server: Watched, folder: Path, seconds: int, examples: int, *options: str) -> str:
    """How many requests were made, for some seconds, or of some examples if these are 0; fails on any finding."""
    # A number of examples is the same on every machine, a time is not.
    extent = ["--max-time", str(seconds)] if seconds else ["--max-examples", str(examples)]
    done = subprocess.run(
        [
            sys.executable, "-c", START, "run", f"http://127.0.0.1:{server.port}/docs.json", *options, *extent,
            "--seed", "1", "--request-timeout", "30", "--continue-on-failure", "--no-color",
        ],
        cwd=folder, capture_output=True, text=True, timeout=seconds + 150, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    cases = re.search(r"([\d,]+) generated", done.stdout)
    assert cases, done.stdout[-3000:]
    assert "Traceback" not in server.text
    return cases.group(1)


@pytest.mark.row("api-fuzz")
@pytest.mark.timeout(1800)
def test_the_demo_service_answers_as_its_document_says_whatever_it_is_asked(tmp_path, serve, figures, length):
    folder = tmp_path / "iris"
    shutil.copytree(DEMO, folder)
    environment = {**os.environ, "JUBAKO_HOME": str(folder / "home"), "JUBAKO_PLUGINS": "sklearn_runner"}
    subprocess.run([sys.executable, "train.py"], cwd=folder, env=environment, check=True, timeout=120)
    server = serve(folder, "service.py:svc", good=FLOWER, JUBAKO_PLUGINS="sklearn_runner")
    server.wait_until_ready()
    processes = [*server.pids("jubako-api"), *server.pids("jubako-replica")]
    before = sum(map(resident_kib, processes))
    requests = fuzz(server, tmp_path, int(length(0, 1200)), 100, "--checks", "all", "--exclude-checks", LEFT_OUT)
    assert [*server.pids("jubako-api"), *server.pids("jubako-replica")] == processes
    grown = sum(map(resident_kib, processes)) - before
    assert grown < 64 * 1024
    figures(requests=requests, failures=0, memory_grown_mib=round(max(0, grown) / 1024, 1))


@pytest.mark.row("api-fuzz")
@pytest.mark.timeout(1800)
def test_no_descriptor_answers_with_an_error_of_the_server(tmp_path, serve, figures, length):
    folder = tmp_path / "service"
    shutil.copytree(EVERY_DESCRIPTOR, folder)
    server = serve(folder, "service.py:svc", good=Request("/values", "1"))
    server.wait_until_ready()
    processes = server.pids("jubako-api")
    requests = fuzz(server, tmp_path, int(length(0, 600)), 15, "--checks", "not_a_server_error")
    assert server.pids("jubako-api") == processes
    figures(requests_to_every_descriptor=requests, server_errors=0)
