"""Who is asked where a runner computes, in which order, and what becomes of answers that are none."""

from __future__ import annotations

import logging

import pytest

from jubako.errors import GpuNotFound, PluginError
from jubako.plugins import Candidate, PluginStatus, compose, place_runner
from jubako.runners import Runner
from jubako.testing.placement_tests import make_machine
from jubako.values.resources import ResourceQuota

HOOK = """
import jubako
from jubako.values.placement import Placement

@jubako.hookimpl
def jubako_place_runner({arguments}):
    {body}
"""


class Echo(Runner):
    def _setup(self):
        pass

    def _run_batch(self, rows):
        return rows


@pytest.fixture
def place(site):
    """Return a function that asks plugins with these bodies of the hook, by name."""

    def ask(plugins, *, gpus=None, there=2, is_strict=False, arguments="runner, quota, machine", distributions=None):
        candidates = []
        for name, body in plugins.items():
            site.install_plugin(name, HOOK.format(arguments=arguments, body=body))
            distribution = (distributions or {}).get(name, f"jubako-{name}")
            candidates.append(Candidate(name, f"jubako_{name}", distribution, "1.0"))
        composition = compose(candidates=candidates)
        assert [report.status for report in composition.reports[1:]] == [PluginStatus.OK] * len(plugins)
        quota = ResourceQuota(gpus=gpus)
        return place_runner(composition, Echo("echo"), quota, make_machine(there), is_strict=is_strict)

    return ask


def test_without_other_plugins_the_built_in_one_places_by_quota(place):
    assert [placement.gpu_index for placement in place({}, gpus="all")] == [0, 1]
    assert [placement.device for placement in place({})] == ["cpu"]


def test_the_first_that_answers_wins_and_none_leaves_it_to_the_next(place):
    answer = "return [Placement(device='{}')]"
    plugins = {"first": "return None", "second": answer.format("tpu:0"), "third": answer.format("tpu:1")}
    assert [placement.device for placement in place(plugins)] == ["tpu:0"]


def test_those_of_others_are_asked_before_those_of_jubako(place):
    plugins = {"a": "return [Placement(device='ours')]", "z": "return [Placement(device='theirs')]"}
    distributions = {"a": "jubako-torch-runner"}
    assert place(plugins, distributions=distributions)[0].device == "theirs"


def test_a_hook_takes_what_it_needs_of_the_arguments(place):
    body = "return [Placement(device=machine.gpus[-1].uuid)]"
    assert place({"choosy": body}, arguments="machine")[0].device == "GPU-1"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise OSError('no licence')", "raised OSError: no licence; the next plugin is asked"),
        ("raise SystemExit(3)", "raised SystemExit: 3"),
        ("return 'cpu'", "gave str instead of a Placement"),
        ("return Placement()", "returned Placement instead of several Placement"),
        ("return []", "returned no placements; there must be 1 to 1000"),
        ("return [Placement()] * 2000", "returned 1001 placements"),
        ("return [Placement(gpu_index=7)]", "chose GPU 7, which the machine does not have"),
        ("yield Placement()", "returned generator instead of several Placement"),
    ],
)
def test_a_plugin_that_does_wrong_is_named_and_the_next_is_asked(place, caplog, body, words):
    with caplog.at_level(logging.WARNING):
        placements = place({"broken": body}, gpus=1)
    assert [placement.gpu_index for placement in placements] == [0]
    assert "the hook jubako_place_runner of broken (jubako-broken 1.0)" in caplog.text
    assert words in caplog.text
    assert "JUBAKO_DISABLE_PLUGINS=broken" in caplog.text


def test_where_plugins_are_strict_it_is_an_error(place):
    with pytest.raises(
        PluginError, match=r"(?s)of broken \(jubako-broken 1.0\) raised OSError: no.*DISABLE_PLUGINS=broken"
    ):
        place({"broken": "raise OSError('no')"}, is_strict=True)


def test_that_a_gpu_is_missing_is_an_answer(place):
    body = "raise jubako.exceptions.GpuNotFound('no TPU cannot be had.')"
    with pytest.raises(GpuNotFound, match="no TPU"):
        place({"tpu": body})


def test_what_a_hook_prints_goes_to_stderr(place, capsys):
    place({"chatty": "print('thinking')"})
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "thinking\n")


def test_an_unknown_argument_is_told_with_what_there_is(site):
    site.install_plugin("odd", HOOK.format(arguments="runner, gpus", body="return None"))
    composition = compose(candidates=[Candidate("odd", "jubako_odd", "jubako-odd", "1.0")])
    report = composition.reports[1]
    assert report.status is PluginStatus.INCOMPATIBLE
    assert report.remedy == "write def jubako_place_runner(runner, quota, machine)"
