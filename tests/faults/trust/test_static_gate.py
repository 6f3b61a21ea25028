"""The gate of lint, over the sources and over a planted sample of each of its names; its own tests stand beside it."""

from __future__ import annotations

import pytest

from tests.architecture.security_gate import EXEMPT, MODULES, NAMES, ROOT, forbidden, main, sources_of


@pytest.mark.quick
@pytest.mark.row("static-gate")
def test_no_source_unpickles_evaluates_or_extracts_but_where_its_reason_is_written(capsys, figures):
    assert main() == 0, capsys.readouterr().out
    names = [*MODULES, *NAMES]
    # One statement each, under another name: a sample that nothing else could give away.
    planted = [f"from {name.rpartition('.')[0]} import {name.rpartition('.')[2]} as x" for name in names if "." in name]
    planted += [f"import {name} as x" for name in MODULES]
    missed = [text for text in planted if not forbidden("jubako.stores.local", text)]
    assert not missed
    figures(
        hits=f"0 in {len(sources_of(ROOT))} sources",
        exemptions=f"{sum(map(len, EXEMPT.values()))} in {len(EXEMPT)} modules, each with its reason",
        planted=f"{len(planted)} of {len(planted)} found",
    )
