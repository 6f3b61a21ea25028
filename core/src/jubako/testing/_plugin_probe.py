"""Loads one plugin in an interpreter of its own and says what happened; run by `PluginTests`.

python -m jubako.testing._plugin_probe NAME
"""

from __future__ import annotations

import functools
import io
import json
import subprocess
import sys
from collections.abc import Sequence

import attrs

from jubako.plugins import compose
from jubako.settings import PluginSettings

_TIMEOUT_S = 60


@attrs.frozen
class Probe:
    """What loading a plugin did to a fresh interpreter.

    Args:
        status: of the plugin's report.
        reason: of the plugin's report.
        traceback: of the plugin's report.
        printed: what the plugin wrote to stdout and stderr.
        imported: top-level modules that came with it.
        load_s: seconds that it took.
    """

    status: str
    reason: str
    traceback: str
    printed: str
    imported: Sequence[str]
    load_s: float


@functools.cache
def probe(name: str) -> Probe:
    """Load the plugin `name`, and nothing beside the built-in one, in a fresh interpreter; once a process."""
    done = subprocess.run(
        [sys.executable, "-m", __name__, name], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        raise AssertionError(f"loading the plugin {name!r} ended the interpreter:\n{done.stderr}")
    return Probe(**json.loads(done.stdout))


def _main(name: str) -> None:
    answer = sys.stdout
    printed = sys.stdout = sys.stderr = io.StringIO()
    before = set(sys.modules)
    composition = compose(PluginSettings(allow=(name,)))
    imported = {module.partition(".")[0] for module in set(sys.modules) - before}
    report = next(report for report in composition.reports if report.name == name)
    probed = Probe(
        status=str(report.status),
        reason=report.reason,
        traceback=report.traceback,
        printed=printed.getvalue(),
        imported=sorted(imported),
        load_s=report.load_s,
    )
    json.dump(attrs.asdict(probed), answer)


if __name__ == "__main__":
    _main(sys.argv[1])
