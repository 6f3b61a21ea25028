"""What the plugin offers, and what it costs an API worker to make a runner."""

from __future__ import annotations

import subprocess
import sys

import jubako.sklearn

HEAVY = ("sklearn", "skops", "scipy", "joblib", "threadpoolctl", "pandas")


def test_making_a_runner_imports_no_framework(workspace, iris):
    from sklearn.linear_model import LogisticRegression

    tag = jubako.sklearn.save("iris", LogisticRegression(max_iter=500).fit(*iris))
    program = f"""
import sys
import jubako.sklearn
runner = jubako.sklearn.load_runner({str(tag)!r}, "predict_proba", name="classifier")
assert runner.batch_options.enabled
print(*sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    home = workspace.settings.stores.home
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"JUBAKO_HOME": str(home), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == ""
