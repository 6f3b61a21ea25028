"""The core names no framework."""

from __future__ import annotations

import re

FRAMEWORKS = re.compile(r"torch|sklearn|skops|joblib|safetensors|boto")

# The list that lets an error say which first-party distribution to install.
LIST_OF_DISTRIBUTIONS = "first_party.py"


def test_the_core_names_no_framework(root):
    found = [
        f"{path.relative_to(root)}:{number}: {line.strip()}"
        for path in sorted((root / "core" / "src").rglob("*"))
        if path.is_file() and path.suffix != ".pyc" and path.name != LIST_OF_DISTRIBUTIONS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if FRAMEWORKS.search(line)
    ]
    assert not found, "\n".join(found)
