"""Which plugins are loaded, and what happens when two of them claim one name."""

from __future__ import annotations

import sys

import pytest

from jubako.contracts.offers import BackendType, DescriptorType, RunnerType, SerializerType, StoreType
from jubako.errors import PluginConflict, PluginError
from jubako.plugins import Candidate, PluginStatus, compose, discover
from jubako.settings import PluginSettings

CANARY = "import sys\nsys.modules['jubako_canary'] = sys\n"


@pytest.fixture
def canary(site):
    site.install_plugin("canary_runner", CANARY)
    yield lambda: "jubako_canary" in sys.modules
    sys.modules.pop("jubako_canary", None)


def reports(composition):
    return {report.candidate.distribution: report for report in composition.reports}


def test_without_any_plugin_the_built_in_one_offers_every_kind():
    composition = compose(candidates=())
    (report,) = composition.reports
    assert str(report) == "builtin (jubako 0.1.0)"
    assert report.status is PluginStatus.OK
    for kind, name in [(StoreType, "file"), (SerializerType, "npy"), (BackendType, "inline"), (DescriptorType, "json")]:
        assert composition.find(kind, name).name == name


def test_the_built_in_plugin_comes_first_and_the_others_follow_by_name(site, runner_plugin):
    for name in ("zeta", "alpha"):
        site.install_plugin(name, runner_plugin(name))
    composition = compose(PluginSettings(allow=("zeta", "alpha")))
    assert [report.name for report in composition.reports if report.status is PluginStatus.OK] == [
        "builtin",
        "alpha",
        "zeta",
    ]
    assert [offer.name for offer in composition.offers(RunnerType)] == ["picklable_model", "alpha", "zeta"]


@pytest.mark.parametrize("name", ["canary_runner", "jubako-canary-runner", "Canary-Runner"])
def test_a_plugin_on_the_deny_list_is_not_imported(canary, name):
    report = reports(compose(PluginSettings(disable=(name,))))["jubako-canary-runner"]
    assert report.status is PluginStatus.DISABLED
    assert report.reason == "the deny-list (JUBAKO_DISABLE_PLUGINS, plugins.disable) names it"
    assert not canary()


def test_a_plugin_that_the_allow_list_does_not_name_is_not_imported(canary):
    report = reports(compose(PluginSettings(allow=())))["jubako-canary-runner"]
    assert report.status is PluginStatus.DISABLED
    assert report.reason == "the allow-list (JUBAKO_PLUGINS, plugins.allow) does not name it"
    assert report.remedy == "add canary_runner to that list"
    assert not canary()


def test_a_plugin_on_both_lists_is_not_imported(canary):
    lists = PluginSettings(allow=("canary_runner",), disable=("jubako-canary-runner",))
    assert reports(compose(lists))["jubako-canary-runner"].status is PluginStatus.DISABLED
    assert not canary()


def test_a_plugin_on_the_allow_list_is_imported(canary):
    compose(PluginSettings(allow=("jubako-canary-runner",)))
    assert canary()


@pytest.mark.parametrize("name", ["builtin", "jubako"])
def test_the_built_in_plugin_cannot_be_disabled(name):
    composition = compose(PluginSettings(disable=(name,)), candidates=())
    assert composition.reports[0].status is PluginStatus.OK
    assert composition.unmatched == (name,)


def test_names_on_a_list_that_no_plugin_has_are_kept(canary):
    composition = compose(PluginSettings(allow=("canary_runner", "tpyo"), disable=("tpyo", "gone")))
    assert composition.unmatched == ("tpyo", "gone")


def test_of_two_distributions_with_one_plugin_name_neither_is_imported_and_both_are_named(site):
    for distribution in ("toys-by-anna", "toys-by-ben"):
        site.install(distribution, plugins={"toys": "toys_plugin"}, modules={"toys_plugin.py": "raise SystemExit"})
    composed = reports(compose(PluginSettings(allow=("toys",))))
    for distribution, other in [("toys-by-anna", "toys-by-ben"), ("toys-by-ben", "toys-by-anna")]:
        report = composed[distribution]
        assert report.status is PluginStatus.CONFLICT
        assert report.reason == f"its name is that of toys ({other} 1.0) too, so none of them was imported"
        assert report.remedy == (
            f"uninstall one of them, or disable one by its distribution: JUBAKO_DISABLE_PLUGINS={distribution}"
        )
    assert "toys_plugin" not in sys.modules


def test_disabling_one_of_two_distributions_with_one_plugin_name_brings_the_other_back(site, runner_plugin):
    site.install("toys-by-anna", plugins={"toys": "nowhere"})
    site.install("toys-by-ben", plugins={"toys": "toys_by_ben"}, modules={"toys_by_ben.py": runner_plugin("toys")})
    composed = compose(PluginSettings(allow=("toys",), disable=("toys-by-anna",)))
    assert reports(composed)["toys-by-ben"].status is PluginStatus.OK
    assert composed.find(RunnerType, "toys").name == "toys"


def test_a_plugin_that_takes_the_built_in_plugins_name_is_not_imported(site):
    site.install("jubako-impostor", plugins={"builtin": "impostor"}, modules={"impostor.py": "raise SystemExit"})
    report = reports(compose())["jubako-impostor"]
    assert report.status is PluginStatus.CONFLICT
    assert report.reason == "the built-in plugin has this name"


def test_two_plugins_that_offer_one_name_stay_usable_but_for_that_name(site, runner_plugin, hooks_plugin):
    for name in ("anna", "ben"):
        more = (
            "@jubako.hookimpl\ndef jubako_register_store_types():\n"
            f"    yield StoreType(name='{name}', summary='A store.', open_store='x:y')\n"
        )
        site.install_plugin(name, runner_plugin("toy", module=name, more=more))
    composition = compose(PluginSettings(allow=("anna", "ben")))
    composed = reports(composition)
    assert composed["jubako-anna"].status is composed["jubako-ben"].status is PluginStatus.CONFLICT
    assert composed["jubako-anna"].reason == (
        "runner type 'toy' is offered by ben (jubako-ben 1.0) too, and cannot be used until one is disabled; "
        "whatever else it offers can be used"
    )
    assert "toy" not in [offer.name for offer in composition.offers(RunnerType)]
    assert composition.find(StoreType, "anna").name == "anna"
    assert composition.find(StoreType, "ben").name == "ben"
    with pytest.raises(PluginConflict) as caught:
        composition.find(RunnerType, "toy")
    assert str(caught.value) == (
        "runner type 'toy' cannot be used.\n"
        "It is offered by anna (jubako-anna 1.0) and by ben (jubako-ben 1.0).\n"
        "Do: disable one of them: JUBAKO_DISABLE_PLUGINS=anna or JUBAKO_DISABLE_PLUGINS=ben"
    )
    with pytest.raises(PluginConflict):
        composition.every(RunnerType)


def test_an_alias_that_another_plugin_offers_is_contested_alone(site, runner_plugin):
    site.install_plugin("anna", runner_plugin("anna", aliases=("toy",)))
    site.install_plugin("ben", runner_plugin("ben", aliases=("toy", "benjamin")))
    composition = compose(PluginSettings(allow=("anna", "ben")))
    assert [offer.name for offer in composition.offers(RunnerType)] == ["picklable_model", "anna", "ben"]
    assert composition.find(RunnerType, "benjamin").name == "ben"
    with pytest.raises(PluginConflict, match="runner type 'toy' cannot be used"):
        composition.find(RunnerType, "toy")


def test_the_built_in_plugin_keeps_a_name_that_another_offers(site, hooks_plugin):
    text = (
        "@jubako.hookimpl\ndef jubako_register_store_types():\n"
        "    yield StoreType(name='file', summary='Files.', open_store='evil:open_store')\n"
        "    yield StoreType(name='tape', summary='Tapes.', open_store='x:y')\n"
    )
    site.install_plugin("grabby", hooks_plugin(text))
    composition = compose(PluginSettings(allow=("grabby",)))
    assert composition.find(StoreType, "file").open_store == "jubako.stores.local:open_store"
    assert [offer.name for offer in composition.every(StoreType)] == ["file", "tape"]
    report = reports(composition)["jubako-grabby"]
    assert report.status is PluginStatus.CONFLICT
    assert report.reason == (
        "store type 'file' is offered by builtin (jubako 0.1.0) too, and that one keeps it; "
        "whatever else it offers can be used"
    )
    assert not composition.is_usable(report.offers[0])
    assert composition.is_usable(report.offers[1])


def test_strict_composing_names_every_plugin_that_cannot_be_used(site, runner_plugin):
    site.install_plugin("good", runner_plugin("good"))
    site.install_plugin("bad", "import nowhere_to_be_found")
    with pytest.raises(PluginError) as caught:
        compose(PluginSettings(allow=("good", "bad"), strict=True))
    assert str(caught.value) == (
        "1 of the installed plugins cannot be used, and strict loading was asked for.\n"
        "bad (jubako-bad 1.0) (failed): jubako_bad cannot be imported: ModuleNotFoundError: No module named "
        "'nowhere_to_be_found'.\n"
        "Do: report it to the authors of jubako-bad, or disable it: JUBAKO_DISABLE_PLUGINS=bad"
    )


def test_strict_composing_passes_over_disabled_plugins_and_missing_frameworks(site, runner_plugin):
    site.install_plugin("good", runner_plugin("good", requires=("frobnicator",)))
    site.install_plugin("bad", "1 / 0")
    composed = reports(compose(PluginSettings(allow=("good",), strict=True)))
    assert composed["jubako-good"].status is PluginStatus.OK


def test_composing_twice_gives_two_compositions():
    first, second = compose(candidates=()), compose(candidates=())
    assert first is not second
    assert first.find(StoreType, "file") == second.find(StoreType, "file")


def test_only_the_candidates_that_are_given_are_loaded(site, runner_plugin):
    site.install_plugin("toy", runner_plugin("toy"))
    site.install_plugin("other", runner_plugin("other"))
    chosen = [candidate for candidate in discover() if candidate.name == "toy"]
    assert [report.name for report in compose(candidates=chosen).reports] == ["builtin", "toy"]
    assert Candidate("toy", "jubako_toy", "jubako-toy", "1.0", str(site.folder)) in chosen
