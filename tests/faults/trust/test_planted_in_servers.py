"""A server whose model was planted does not start."""

from __future__ import annotations

import pytest

from jubako.testing.serializer_tests import pickles_that_create
from tests.faults.trust.conftest import FORMATS

SERVICE = """
import jubako, jubako.sklearn

runner = jubako.sklearn.load_runner("m")
svc = jubako.Service("planted", runners=[runner])
"""


@pytest.mark.row("planted-pickle")
@pytest.mark.parametrize("serializer", ["skops", "joblib"])
def test_a_server_does_not_start_with_a_planted_model(attacker, serve, tmp_path, serializer):
    canary = tmp_path / "canary"
    model = attacker.save(serializer)
    attacker.replace(model, {FORMATS[serializer][1]: pickles_that_create(canary)[0]})
    (tmp_path / "service.py").write_text(SERVICE)
    served = serve(tmp_path, "service.py:svc", ends=True, JUBAKO_PLUGINS="sklearn_runner")
    assert served.ended() == 1, served.text
    assert "is not trusted on this machine" in served.text or "is no skops archive" in served.text
    assert not canary.exists()
