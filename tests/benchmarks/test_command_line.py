from __future__ import annotations

import pytest

from benchmarks.command_line import choose_load, parse
from benchmarks.measuring import Load


def test_by_default_all_workloads_are_driven_in_both_orders():
    options = parse(["compare"])

    assert [workload.name for workload in options.workloads] == ["W1", "W2", "W3"]
    assert choose_load(options) == Load((1, 16, 64, 256), seconds=10, warm_up_s=3, rounds=2)


def test_quick_changes_only_what_is_left_open():
    assert choose_load(parse(["compare", "--quick"])) == Load((1, 64), seconds=2, warm_up_s=1, rounds=1)
    assert choose_load(parse(["compare", "--quick", "--connections", "64,16,64", "--seconds", "5"])) == Load(
        (16, 64), seconds=5, warm_up_s=1, rounds=1
    )


def test_lists_are_separated_by_commas():
    options = parse(["compare", "--peers", "bentoml14, mosec", "--workloads", "W2"])

    assert options.peers == ("bentoml14", "mosec")
    assert [workload.name for workload in options.workloads] == ["W2"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--workloads", "W1,W9"], "no workload is named 'W9'; choose of W1, W2, W3"),
        (["--connections", "0"], "'0' is not a whole number from 1"),
        (["--seconds", "0.5"], "'0.5' is not a whole number from 1"),
        (["--name", "../best"], "'../best' is no name of a file"),
    ],
)
def test_wrong_options_are_refused_with_a_reason(capsys, words, reason):
    with pytest.raises(SystemExit):
        parse(["compare", *words])

    assert reason in capsys.readouterr().err
