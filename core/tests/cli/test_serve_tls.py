"""`jubako serve` with a certificate, in real processes."""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
import urllib.request

import pytest
import trustme

PATIENCE_S = 60.0

SERVICE = """
import jubako
from jubako.io import JSON

svc = jubako.Service("example")

@svc.api(input=JSON(), output=JSON())
async def double(value):
    return value * 2
"""


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def folder(tmp_path, authority):
    (tmp_path / "service.py").write_text(SERVICE)
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    authority.issue_cert("elsewhere").private_key_pem.write_to_path(tmp_path / "other.key")
    return tmp_path


@pytest.fixture
def serve(folder):
    """Return a function that starts `jubako serve` and gives the process."""
    processes = []

    def start(*arguments, **environment):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("JUBAKO_")}
        command = [sys.executable, "-m", "jubako", "serve", "service:svc", "--port", "0", *arguments]
        processes.append(
            subprocess.Popen(
                command,
                cwd=folder,
                env={**clean, "JUBAKO_HOME": str(folder / "home"), "JUBAKO_PLUGINS": "", **environment},
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait(PATIENCE_S)
        process.stderr.close()


def test_a_service_is_served_over_https_and_its_address_says_so(serve, authority):
    process = serve("--ssl-certfile", "server.pem", JUBAKO_SERVER__LOGGING__ACCESS__ENABLED="false")
    line = process.stderr.readline()
    address = re.fullmatch(r"Serving example at (https://127\.0\.0\.1:\d+) \(Ctrl-C stops\)\n", line)
    assert address is not None, line + process.stderr.read()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    asking = urllib.request.Request(f"{address.group(1)}/double", b"21", {"content-type": "application/json"})
    with urllib.request.urlopen(asking, timeout=PATIENCE_S, context=context) as answer:
        assert answer.read() == b"42"
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
    assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--ssl-certfile", "missing.pem"), "missing.pem cannot be read."),
        (("--ssl-certfile", "server.pem", "--ssl-keyfile", "other.key"), "is not that of the certificate"),
        (("--ssl-keyfile", "other.key"), "server.ssl.certfile is not"),
        (("--ssl-cert-reqs", "perhaps"), "cert_reqs cannot be 'perhaps'."),
    ],
)
def test_a_file_that_cannot_be_used_is_one_paragraph_and_exit_code_1(serve, arguments, message):
    process = serve(*arguments, "--ssl-keyfile-password", "correct horse")
    text = process.stderr.read()
    assert process.wait(PATIENCE_S) == 1
    assert text.startswith("Error: ")
    assert message in text
    assert "Traceback" not in text
    assert "horse" not in text
