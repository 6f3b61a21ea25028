"""Finding offers, loading what they name, and the words of every error."""

from __future__ import annotations

import attrs
import pytest

from jubako.contracts.offers import HttpServerType, PayloadType, RunnerType, StoreType
from jubako.errors import InvalidArgument, MissingDependency, OfferNotFound, PluginError
from jubako.plugins import compose, discover
from jubako.plugins.explaining import explain_absence
from jubako.settings import PluginSettings


@pytest.fixture
def compose_ours(site):
    """Return a function that composes what the test installed, and nothing else."""

    def compose_ours(**lists):
        ours = [candidate for candidate in discover() if candidate.location == str(site.folder)]
        return compose(PluginSettings(**lists), candidates=ours)

    return compose_ours


def words_of(error_class, call):
    with pytest.raises(error_class) as caught:
        call()
    assert type(caught.value) is error_class
    return str(caught.value).split("\n")


def test_an_offer_is_found_by_name_and_by_alias(site, runner_plugin, compose_ours):
    site.install_plugin("toy", runner_plugin("toy", aliases=("plaything",)))
    composition = compose_ours()
    assert composition.find(RunnerType, "toy") is composition.find(RunnerType, "plaything")
    assert str(composition.provider(composition.find(RunnerType, "toy"))) == "toy (jubako-toy 1.0)"


def test_what_an_offer_names_is_loaded_when_it_is_resolved(site, runner_plugin, compose_ours):
    site.install_plugin("toy", runner_plugin("toy"))
    composition = compose_ours()
    assert composition.resolve(composition.find(RunnerType, "toy"), "load_runner")() == "runner"


def test_a_name_that_nobody_offers_is_answered_with_those_that_are(site, runner_plugin, compose_ours):
    site.install_plugin("toy", runner_plugin("toy", aliases=("plaything",)))
    assert words_of(OfferNotFound, lambda: compose_ours().find(RunnerType, "toyy")) == [
        "there is no runner type 'toyy'.",
        "Known are picklable_model, plaything, toy.",
        "Do: did you mean 'toy'?",
    ]


def test_a_kind_that_nobody_offers_says_so(compose_ours):
    assert str(explain_absence(RunnerType, "frobnicator", (), ())).splitlines() == [
        "there is no runner type 'frobnicator'.",
        "No plugin that offers a runner type is installed.",
        "Do: correct the name, or install a plugin that offers it",
    ]
    words = words_of(OfferNotFound, lambda: compose_ours().find(RunnerType, "frobnicator"))
    assert words[1] == "Known are picklable_model."


@pytest.mark.parametrize(
    ("kind", "name", "distribution"),
    [
        (RunnerType, "sklearn", "jubako-sklearn-runner"),
        (RunnerType, "pytorch", "jubako-torch-runner"),
        (StoreType, "s3", "jubako-s3-store"),
        (HttpServerType, "uvicorn", "jubako-uvicorn-server"),
    ],
)
def test_a_name_of_a_first_party_distribution_says_what_to_install(compose_ours, kind, name, distribution):
    words = words_of(OfferNotFound, lambda: compose_ours().find(kind, name))
    assert words[1:] == [f"It comes with {distribution}, which is not installed.", f"Do: pip install {distribution}"]


def test_a_misspelt_first_party_name_is_recognized(compose_ours):
    words = words_of(OfferNotFound, lambda: compose_ours().find(RunnerType, "sklern"))
    assert words[-1] == "Do: did you mean 'sklearn'?"


def test_a_plugin_that_failed_is_named_when_its_offer_is_asked_for(site, compose_ours):
    site.install("jubako-torch-runner", plugins={"torch_runner": "nowhere"}, version="0.3.0")
    assert words_of(OfferNotFound, lambda: compose_ours().find(RunnerType, "torch")) == [
        "runner type 'torch' cannot be used.",
        (
            "The plugin torch_runner (jubako-torch-runner 0.3.0), which is likely to offer it, could not be loaded: "
            "nowhere cannot be imported: ModuleNotFoundError: No module named 'nowhere'."
        ),
        "Do: report it to the authors of jubako-torch-runner, or disable it: JUBAKO_DISABLE_PLUGINS=torch_runner",
    ]


def test_a_disabled_plugin_is_named_when_its_offer_is_asked_for(site, runner_plugin, compose_ours):
    site.install_plugin("toy_runner", runner_plugin("toy"))
    words = words_of(OfferNotFound, lambda: compose_ours(disable=("toy_runner",)).find(RunnerType, "toy"))
    assert words[1] == (
        "The plugin toy_runner (jubako-toy-runner 1.0), which is likely to offer it, is disabled: "
        "the deny-list (JUBAKO_DISABLE_PLUGINS, plugins.disable) names it."
    )
    assert words[2] == "Do: take toy_runner off that list"


def test_a_plugin_that_failed_is_mentioned_even_if_its_name_says_nothing(site, compose_ours):
    site.install_plugin("mystery", "1 / 0")
    words = words_of(OfferNotFound, lambda: compose_ours().find(RunnerType, "quantum"))
    assert words[1] == (
        "Known are picklable_model. Not loaded: mystery (jubako-mystery 1.0): "
        "jubako_mystery cannot be imported: ZeroDivisionError: division by zero."
    )


def test_an_offer_whose_framework_is_missing_says_who_needs_it_and_what_to_install(site, runner_plugin, compose_ours):
    site.install_plugin("toy_runner", runner_plugin("toy", requires=("frobnicator",)))
    composition = compose_ours()
    expected = [
        "runner type 'toy' cannot be used.",
        (
            "It is offered by toy_runner (jubako-toy-runner 1.0), which needs the package 'frobnicator'; "
            "that is not installed."
        ),
        "Do: pip install frobnicator",
    ]
    assert words_of(MissingDependency, lambda: composition.find(RunnerType, "toy")) == expected
    assert words_of(MissingDependency, lambda: composition.every(RunnerType)) == expected
    offer = composition.reports[-1].offers[0]
    assert words_of(MissingDependency, lambda: composition.resolve(offer, "load")) == expected


def test_a_framework_that_is_installed_later_is_found_without_composing_again(site, runner_plugin, compose_ours):
    site.install_plugin("toy_runner", runner_plugin("toy", requires=("frobnicator",), module="toy_runner"))
    composition = compose_ours()
    with pytest.raises(MissingDependency):
        composition.find(RunnerType, "toy")
    site.install("frobnicator", modules={"frobnicator.py": ""})
    assert composition.resolve(composition.find(RunnerType, "toy"), "load")() == "loaded"


def test_a_package_whose_import_name_is_another_is_installed_by_its_own(site, runner_plugin, compose_ours, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    site.install_plugin("toy_runner", runner_plugin("toy", requires=("sklearn", "PIL")))
    assert (
        words_of(MissingDependency, lambda: compose_ours().find(RunnerType, "toy"))[-1]
        == "Do: pip install scikit-learn pillow"
    )


RESOLVE_FAULTS = {
    "a package that it did not say it requires": (
        "import frobnicator",
        MissingDependency,
        "which needs the package 'frobnicator'; that is not installed.",
        "Do: pip install frobnicator",
    ),
    "a module that the distribution lacks": (
        "import jubako_toy_work.gone",
        PluginError,
        "raised ModuleNotFoundError: No module named 'jubako_toy_work.gone'",
        "Do: report it to the authors of jubako-toy",
    ),
    "a name that the module lacks": (
        "",
        PluginError,
        "raised InvalidArgument: ",
        "Do: report it to the authors of jubako-toy",
    ),
    "a module that raises": (
        "1 / 0",
        PluginError,
        "raised ZeroDivisionError",
        "Do: report it to the authors of jubako-toy",
    ),
    "a module that exits": ("raise SystemExit(2)", PluginError, "raised SystemExit: 2", "Do: report it"),
}


@pytest.mark.parametrize("case", RESOLVE_FAULTS)
def test_an_offer_that_cannot_be_resolved_names_its_plugin(site, runner_plugin, compose_ours, case):
    text, error_class, why, do = RESOLVE_FAULTS[case]
    site.install_plugin("toy", runner_plugin("toy").replace("jubako_toy:load", "jubako_toy_work.deep:load"))
    site.install("work", modules={"jubako_toy_work/__init__.py": "", "jubako_toy_work/deep.py": text})
    composition = compose_ours()
    words = words_of(error_class, lambda: composition.resolve(composition.find(RunnerType, "toy"), "load"))
    assert words[0] == "runner type 'toy' cannot be used."
    assert "toy (jubako-toy 1.0)" in words[1]
    assert why in words[1]
    assert words[-1].startswith(do)


def test_an_offer_of_another_composition_is_refused():
    first, second = compose(candidates=()), compose(candidates=())
    with pytest.raises(InvalidArgument, match="is not of this composition"):
        first.provider(second.offers(StoreType)[0])


def test_every_offer_of_the_built_in_plugin_is_usable_or_lacks_an_extra():
    composition = compose(candidates=())
    assert all(composition.is_usable(offer) or offer.requires for offer in composition.reports[0].offers)
    assert {"ndarray", "list"} <= {offer.name for offer in composition.offers(PayloadType)}


def test_a_composition_cannot_be_changed():
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        compose(candidates=()).reports = ()
