"""What is fuzzed: every reader of bytes that others may have written, the errors it documents, and sound inputs."""

from __future__ import annotations

from collections.abc import Mapping

from jubako._references import load_reference
from tests.faults.trust.fuzz_archives import ARCHIVES
from tests.faults.trust.fuzz_channels import CHANNELS
from tests.faults.trust.fuzz_files import FILES
from tests.faults.trust.fuzz_requests import REQUESTS
from tests.faults.trust.fuzz_target import Target

TARGETS: Mapping[str, Target] = {target.name: target for target in (*CHANNELS, *FILES, *REQUESTS, ARCHIVES)}
# In a module of their own, for what they import takes longer than many an input.
ELSEWHERE: Mapping[str, str] = {"skops": "tests.faults.trust.fuzz_skops:SKOPS"}


def find_target(name: str) -> Target:
    """The target of that name."""
    found: Target = TARGETS[name] if name in TARGETS else load_reference(ELSEWHERE[name])
    return found
