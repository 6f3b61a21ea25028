"""Every way to trust a digest, with the wrong one, with another model's, and with the right one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import attrs
import pytest

import jubako.models
from jubako.errors import ModelNotTrusted, StoreError
from jubako.settings import TrustSettings, load_settings
from jubako.stores.trust import TrustStore
from jubako.workspace import open_workspace, using_workspace

pytestmark = pytest.mark.row("trust-paths")

WRONG = "sha256:" + "0" * 64


@pytest.fixture
def imported(attacker):
    """Two models that are code, and of which nothing says that they are trusted."""
    model, other = attacker.save("cloudpickle"), attacker.save("cloudpickle", custom_objects={"more": 1})
    attacker.forget_trust()
    assert model.digest != other.digest
    return model, other


def is_loaded(attacker, model, settings=None):
    with using_workspace(open_workspace(settings or attacker.workspace.settings, attacker.workspace.composition)):
        try:
            return attacker.load(jubako.models.get(model.tag)) == {1, 2}
        except ModelNotTrusted:
            return False


@pytest.mark.quick
def test_only_the_right_digest_in_the_settings_lets_a_model_load(attacker, imported, figures):
    model, other = imported
    tried = {
        (WRONG,): False,
        (other.digest,): False,
        (model.digest[:-1] + ("0" if model.digest[-1] != "0" else "1"),): False,
        (WRONG, other.digest): False,
        (model.digest,): True,
        (WRONG, model.digest): True,
    }
    for digests, is_right in tried.items():
        typed = attrs.evolve(attacker.workspace.settings, trust=TrustSettings(digests=digests))
        assert is_loaded(attacker, model, typed) is is_right, digests
        environment = {"JUBAKO_HOME": str(attacker.home), "JUBAKO_TRUST__DIGESTS": ",".join(digests)}
        assert is_loaded(attacker, model, load_settings(environment=environment)) is is_right, digests
    figures(settings=f"{2 * len(tried)} tried, only the {2 * sum(tried.values())} with the right digest load")


@pytest.mark.quick
def test_only_the_right_digest_in_the_file_lets_a_model_load(attacker, imported):
    model, other = imported
    trust = TrustStore(attacker.home)
    for digest in (WRONG, other.digest):
        trust.trust(digest, f"{model.tag} {model.digest}")
        assert not is_loaded(attacker, model)
    trust.trust(model.digest, "note")
    assert is_loaded(attacker, model)


@pytest.mark.quick
@pytest.mark.parametrize("line", ["{}", "# {}", " {}", "sha256:{}", "{}0", "{} ", "\ufeff{}", "{}\r"])
def test_only_a_line_that_begins_with_the_digest_counts(attacker, imported, line):
    model, _ = imported
    path = attacker.home / ".store/trust"
    path.write_text(line.format(model.digest) + "\n")
    path.chmod(0o600)
    assert is_loaded(attacker, model) is (line in ("{}", "{} ", "{}\r"))


@pytest.mark.quick
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o660])
def test_a_trust_file_that_others_can_write_lets_nothing_load(attacker, imported, mode):
    model, _ = imported
    TrustStore(attacker.home).trust(model.digest, "note")
    (attacker.home / ".store/trust").chmod(mode)
    with pytest.raises(StoreError, match="Others than you could have written to it"):
        attacker.load(model)


@pytest.mark.quick
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_trust_file_of_another_user_lets_nothing_load(attacker, imported):
    model, _ = imported
    TrustStore(attacker.home).trust(model.digest, "note")
    os.chown(attacker.home / ".store/trust", 65534, 65534)
    # Not even root, who could have written it too.
    with pytest.raises(StoreError, match="Others than you could have written to it"):
        attacker.load(model)


def jubako_models_trust(home, text):
    environment = {**os.environ, "JUBAKO_HOME": str(home), "JUBAKO_PLUGINS": "sklearn_runner"}
    command = [sys.executable, "-m", "jubako", "models", "trust", text]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.quick
def test_the_command_trusts_the_model_that_it_is_told_and_no_other(attacker, imported):
    model, other = imported
    assert jubako_models_trust(attacker.home, str(other.tag)).returncode == 0
    assert not is_loaded(attacker, model)
    done = jubako_models_trust(attacker.home, str(model.tag))
    assert model.digest in done.stdout
    assert is_loaded(attacker, model)


@pytest.mark.quick
def test_what_was_trusted_is_not_trusted_once_it_is_another(attacker, imported):
    model, _ = imported
    jubako_models_trust(attacker.home, str(model.tag))
    # The same file under the name of another format, and another file under the same name.
    content = (model.path / "object.pkl").read_bytes()
    attacker.replace(model, {"model.joblib": content}, serializer="joblib", module="sklearn")
    with pytest.raises(ModelNotTrusted):
        jubako.models.load_object(model.tag, module="sklearn")
    attacker.replace(model, {"object.pkl": content + b"\n"})
    assert not is_loaded(attacker, model)
    attacker.replace(model, {"object.pkl": content})
    assert is_loaded(attacker, model)


DOUBLING = """
def double(rows):
    return 2 * rows
"""
SERVICE = """
import jubako, jubako.sklearn
from jubako.io import NumpyNdarray

runner = jubako.sklearn.load_runner("double", function_name="transform")
svc = jubako.Service("doubler", runners=[runner])

@svc.api(input=NumpyNdarray(shape=(-1, 1)), output=NumpyNdarray())
async def double(rows):
    return await runner.async_run_batch(rows)
"""
SAVE = """
import warnings
warnings.simplefilter("ignore")
import jubako, jubako.sklearn
from doubling import double
from sklearn.preprocessing import FunctionTransformer

tag = jubako.sklearn.save("double", FunctionTransformer(double))
print(jubako.models.get(tag).digest)
"""


@pytest.mark.timeout(180)
@pytest.mark.skipif(sys.platform == "win32", reason="stops servers with signals")
def test_only_the_right_digest_on_the_command_line_lets_a_server_start(serve, tmp_path, figures):
    (tmp_path / "doubling.py").write_text(DOUBLING)
    (tmp_path / "service.py").write_text(SERVICE)
    # A replica that loads a model imports nothing of the service: what a pickle names has to be installed.
    environment = {"JUBAKO_PLUGINS": "sklearn_runner", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", SAVE],
        cwd=tmp_path,
        env={**os.environ, **environment, "JUBAKO_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    digest = done.stdout.strip()
    (tmp_path / "home/.store/trust").unlink()
    refused = serve(tmp_path, "service.py:svc", "--trust", WRONG, ends=True, **environment)
    assert refused.ended() == 1
    for words in ("is not trusted on this machine", digest, "jubako models trust double:", f"--trust {digest}"):
        assert words in refused.text
    served = serve(tmp_path, "service.py:svc", "--trust", WRONG, "--trust", digest, ends=True, **environment)
    served.wait_until_ready()
    assert served.post("/double", "[[4]]", "application/json") == (200, b"[[8]]")
    # The next replica gets it too, and so does the next generation.
    (replica,) = served.processes("jubako-replica")
    served.signal(signal.SIGKILL, replica)
    served.replaced("jubako-replica", replica)
    assert served.post("/double", "[[5]]", "application/json") == (200, b"[[10]]")
    assert served.stop() == 0
    figures(serve="refused with a wrong --trust, served with the right one beside it")


def test_a_digest_that_is_none_is_an_error_of_the_command(serve, tmp_path):
    (tmp_path / "service.py").write_text(SERVICE)
    served = serve(tmp_path, "service.py:svc", "--trust", "double:latest", ends=True)
    assert served.ended() == 1
    assert "'double:latest' is no digest." in served.text
