from __future__ import annotations

import platform
import threading
import warnings
from datetime import UTC, datetime, timedelta

import attrs
import numpy as np
import pytest

import jubako.models
from jubako.contracts.store import StoreKind
from jubako.errors import (
    InvalidArgument,
    InvalidManifest,
    MissingDependency,
    ModelDigestMismatch,
    NotFound,
    OfferNotFound,
)
from jubako.models import load_object
from jubako.plugins import compose
from jubako.settings import PluginSettings
from jubako.stores.local import LocalStore
from jubako.stores.trust import TrustStore
from jubako.values.signature import Signature
from jubako.values.tag import Tag
from jubako.workspace import open_workspace, using_workspace

WOBBLER = """
import jubako
from jubako.contracts.offers import RunnerType

@jubako.hookimpl
def jubako_register_runner_types():
    yield RunnerType(name="wobble", summary="Wobbles.", aliases=("wob",), save="x:x", load="x:x", load_runner="x:x")
"""
pytestmark = pytest.mark.usefixtures("workspace")


def create(name="iris", files=None, **options):
    with jubako.models.create(name, **options) as draft:
        for path, text in (files or {"weights.bin": "1"}).items():
            draft.path_of(path).parent.mkdir(exist_ok=True)
            draft.path_of(path).write_text(text)
    return draft.tag


def test_a_created_model_is_got_with_everything_that_was_given():
    before = datetime.now(UTC)
    tag = create(
        files={"weights.bin": "12", "deep/notes.txt": "3"},
        module="toy",
        signatures={"predict": Signature(batchable=False)},
        labels={"stage": "test"},
        options={"method": "predict"},
        metadata={"score": np.float64(0.5), "shape": (2, 3)},
        framework_name="toy",
        framework_distributions=("attrs",),
    )
    model = jubako.models.get("iris")
    assert model.tag == model.info.tag == tag
    assert tag.is_exact
    assert model.info.module == "toy"
    assert model.info.signatures == {"predict": Signature(batchable=False)}
    assert model.info.labels == {"stage": "test"}
    assert model.info.options == {"method": "predict"}
    assert model.info.metadata == {"score": 0.5, "shape": [2, 3]}
    assert [entry.path for entry in model.info.files] == ["deep/notes.txt", "weights.bin"]
    assert before <= model.creation_time <= datetime.now(UTC) + timedelta(seconds=1)
    assert model.info.context.python_version == platform.python_version()
    assert model.info.context.pip_requirements == (f"attrs=={attrs.__version__}",)
    assert model.path_of("deep/notes.txt").read_text() == "3"
    assert model.origin == "saved"
    assert model.digest.startswith("sha256:")
    assert model.custom_objects == {}


def test_a_build_for_one_kind_of_device_is_recorded_and_required_by_its_public_version(site, workspace):
    site.install("bellows", version="2.1+cpu")
    create("iris", framework_distributions=("bellows",))
    context = jubako.models.get("iris").info.context
    assert context.framework_versions == {"bellows": "2.1+cpu"}
    assert context.pip_requirements == ("bellows==2.1",)


def test_the_plugin_that_offers_the_runner_type_is_recorded(site, workspace):
    site.install_plugin("wobbler", WOBBLER)
    composition = compose(PluginSettings(allow=("wobbler",)))
    with using_workspace(open_workspace(workspace.settings, composition)):
        for module in ("wobble", "wob"):
            create(module, module=module, framework_distributions=("attrs",))
            context = jubako.models.get(module).info.context
            assert context.plugin == "jubako-wobbler==1.0"
            assert context.framework_versions == {"attrs": attrs.__version__, "jubako-wobbler": "1.0"}
            assert context.pip_requirements == (f"attrs=={attrs.__version__}", "jubako-wobbler==1.0")
        create("hand")
        assert jubako.models.get("hand").info.context.plugin == ""
        with pytest.raises(InvalidArgument) as caught:
            load_object("wobble", module="toy")
        assert caught.value.do == "load it with jubako.wobble.load"
    with pytest.raises(InvalidArgument) as caught:
        load_object("wobble", module="toy")
    assert caught.value.do == "pip install jubako-wobbler==1.0 and load it with jubako.wobble.load"


@pytest.mark.parametrize("wanted", ["iris", "iris:latest", Tag("iris"), Tag("iris", "latest")])
def test_a_name_is_its_latest_version(wanted):
    create()
    newest = create()
    assert jubako.models.get(wanted).tag == newest


def test_a_prefix_of_a_version_is_no_version():
    tag = create()
    with pytest.raises(NotFound, match=str(tag)):
        jubako.models.get(f"iris:{tag.version[:8]}")


def test_getting_a_model_leaves_the_tag_that_was_given_alone():
    create()
    wanted = Tag("iris")
    jubako.models.get(wanted)
    assert wanted == Tag("iris")


def test_a_body_that_raises_stores_nothing():
    with pytest.raises(ZeroDivisionError), jubako.models.create("iris"):
        raise ZeroDivisionError
    assert jubako.models.list() == []


@pytest.mark.parametrize("name", ["iris:v1", "iris:latest", "iris:", "Iris/..", ""])
def test_only_a_name_is_given_to_a_new_model(name):
    with pytest.raises(InvalidArgument), jubako.models.create(name):
        pytest.fail("the block must not run")


@pytest.mark.parametrize("item", ["/etc/passwd", "../x", "a/../../x", "a\\b", "a\0b"])
def test_paths_stay_in_the_models_folder(item):
    with jubako.models.create("iris") as draft, pytest.raises(InvalidArgument, match="is no path inside"):
        draft.path_of(item)
    with pytest.raises(InvalidArgument, match="is no path inside"):
        jubako.models.get("iris").path_of(item)


@pytest.mark.parametrize("wrong", [{"metadata": {"a": object()}}, {"options": {1: 2}}, {"labels": {"a": 1}}])
def test_what_cannot_be_written_is_refused_before_the_body_runs(wrong):
    with pytest.raises(InvalidArgument), jubako.models.create("iris", **wrong):
        pytest.fail("the block must not run")


def test_the_manifest_cannot_be_written_by_the_body():
    with pytest.raises(InvalidArgument, match=r"cannot include model\.yaml"):
        create(files={"model.yaml": "name: other"})
    assert jubako.models.list() == []


def test_models_are_listed_by_name_or_version_and_sorted():
    tags = [create("b"), create("a"), create("b")]
    assert [model.tag for model in jubako.models.list()] == sorted(tags)
    assert [model.tag for model in jubako.models.list("b")] == [tags[0], tags[2]]
    assert [model.tag for model in jubako.models.list(tags[1])] == [tags[1]]
    assert [model.tag for model in jubako.models.list("b:latest")] == [tags[2]]
    assert jubako.models.list("b:other") == []
    with pytest.raises(NotFound, match="there is no model c"):
        jubako.models.list("c")


def test_one_damaged_model_does_not_hide_the_others():
    good, damaged = create("good"), create("damaged")
    manifest = jubako.models.get(damaged).path / "model.yaml"
    manifest.chmod(0o600)
    manifest.write_text("[")
    with pytest.warns(UserWarning, match=rf"model {damaged} is left out: .*model\.yaml"):
        assert [model.tag for model in jubako.models.list()] == [good]


def test_one_version_is_deleted_or_a_name_with_all_its_versions():
    first, second, third = create(), create(), create()
    other = create("other")
    jubako.models.delete(second)
    jubako.models.delete("iris:latest")
    assert [model.tag for model in jubako.models.list()] == [first, other]
    create()
    jubako.models.delete("iris")
    assert [model.tag for model in jubako.models.list()] == [other]
    for gone in (third, "iris", "iris:latest"):
        with pytest.raises(NotFound):
            jubako.models.delete(gone)


def test_every_function_takes_a_store(tmp_path):
    store = LocalStore(tmp_path / "other", StoreKind.MODELS)
    tag = create(_model_store=store)
    assert jubako.models.list() == []
    assert [model.tag for model in jubako.models.list(_model_store=store)] == [tag]
    assert jubako.models.get("iris", _model_store=store).tag == tag
    jubako.models.delete("iris", _model_store=store)
    assert store.list() == []


def test_models_are_equal_and_hashed_by_their_tag():
    first, second = create(), create()
    assert jubako.models.get(first) == jubako.models.get(first)
    assert len({jubako.models.get(first), jubako.models.get(first), jubako.models.get(second)}) == 2
    assert jubako.models.get(first) != first
    assert repr(jubako.models.get(first)) == f"Model('{first}')"


def test_opening_finds_missing_resized_and_planted_files():
    folder = jubako.models.get(create()).path
    (folder / "planted.pkl").write_text("")
    with pytest.raises(ModelDigestMismatch, match=r"planted\.pkl does not belong there"):
        jubako.models.get("iris")
    (folder / "planted.pkl").unlink()
    (folder / "weights.bin").chmod(0o600)
    (folder / "weights.bin").write_text("12")
    with pytest.raises(ModelDigestMismatch, match=r"weights\.bin has 2 bytes"):
        jubako.models.get("iris")
    (folder / "weights.bin").unlink()
    with pytest.raises(ModelDigestMismatch, match=r"weights\.bin is missing"):
        jubako.models.get("iris")


def test_a_version_that_was_renamed_by_hand_is_refused():
    folder = jubako.models.get(create()).path
    folder.rename(folder.with_name("mine"))
    with pytest.raises(InvalidManifest, match=r"says that it is model .*, not iris:mine"):
        jubako.models.get("iris:mine")


def test_a_distribution_that_is_not_installed_is_named():
    with (
        pytest.raises(MissingDependency, match="no-such-distribution"),
        jubako.models.create("iris", framework_distributions=("no-such-distribution",)),
    ):
        pytest.fail("the block must not run")


def test_custom_objects_are_opened_when_asked_for_and_trusted_where_they_were_saved(workspace):
    offset = 3
    tag = create(custom_objects={"add": lambda number: number + offset, "names": ["a"]})
    model = jubako.models.get(tag)
    assert model.info.has_custom_objects
    assert model.custom_objects["add"](4) == 7
    assert model.custom_objects is model.custom_objects
    assert str(tag) in (workspace.settings.stores.home / ".store/trust").read_text()


def test_a_file_cannot_pass_for_custom_objects():
    create(files={"custom_objects.pkl": "cos\nsystem\n(S'exit 1'\ntR."})
    assert jubako.models.get("iris").custom_objects == {}
    with pytest.raises(InvalidArgument, match=r"cannot include custom_objects\.pkl"):
        create(files={"custom_objects.pkl": "1"}, custom_objects={"a": 1})


def test_a_model_without_code_is_not_put_into_the_trust(workspace):
    create()
    assert not (workspace.settings.stores.home / ".store/trust").exists()
    assert not TrustStore(workspace.settings.stores.home).is_trusted(jubako.models.get("iris").digest)


def test_a_whole_model_is_verified_whatever_was_read_before():
    tag = create(files={"weights.bin": "1", "notes.txt": "2"})
    done = jubako.models.verify("iris")
    assert (done.tag, done.files, done.size_bytes, done.faults) == (tag, 2, 2, ())
    path = jubako.models.get(tag).path_of("notes.txt")
    path.chmod(0o600)
    path.write_text("3")
    with pytest.raises(ModelDigestMismatch, match=r"model iris:.* is not as it was stored\.\nnotes\.txt is damaged"):
        jubako.models.verify(tag)
    with pytest.raises(NotFound):
        jubako.models.verify("other")


RUNNING = """
import jubako
from jubako.contracts.offers import RunnerType

class Runs:
    def __init__(self, *arguments, **options):
        self.given = (arguments, options)

load_runner = Runs

@jubako.hookimpl
def jubako_register_runner_types():
    yield RunnerType(
        name="runs", summary="Runs.", save="x:x", load="x:x", load_runner="jubako_running:load_runner"
    )
"""


def test_a_runner_is_made_by_the_runner_type_that_saved_the_model(site, workspace, tmp_path):
    site.install_plugin("running", RUNNING)
    opened = open_workspace(workspace.settings, compose(PluginSettings(allow=("running",))))
    elsewhere = LocalStore(tmp_path / "elsewhere", StoreKind.MODELS)
    with using_workspace(opened):
        tag = create(module="runs")
        create(module="runs", _model_store=elsewhere)
        runner = jubako.models.load_runner("iris", name="mine")
        # None stands for the workspace's store, which each process opens for itself.
        assert runner.given == ((tag,), {"_model_store": None, "name": "mine"})
        assert jubako.models.get(tag).load_runner().given == ((tag,), {"_model_store": None})
        assert jubako.models.load_runner("iris", _model_store=elsewhere).given[1] == {"_model_store": elsewhere}


def test_of_files_of_ones_own_there_is_no_runner():
    tag = create()
    with pytest.raises(InvalidArgument, match=f"model {tag} was saved by no runner type") as caught:
        jubako.models.load_runner("iris")
    assert caught.value.do == "write one, a subclass of jubako.Runner, and open the model's files in its _setup"


def test_where_its_plugin_is_missing_a_runner_says_what_to_install(site, workspace):
    site.install_plugin("running", RUNNING)
    opened = open_workspace(workspace.settings, compose(PluginSettings(allow=("running",))))
    with using_workspace(opened):
        create(module="runs")
    for metadata in site.folder.glob("*.dist-info/*"):
        metadata.unlink()
    with (
        using_workspace(open_workspace(workspace.settings, compose(PluginSettings(allow=())))),
        pytest.raises(OfferNotFound, match=r"(?s)there can be no runner of model iris:.*jubako-running==1\.0.*pip"),
    ):
        jubako.models.load_runner("iris")


def test_models_are_listed_got_verified_and_deleted_while_others_are_saved(workspace):
    stop = threading.Event()
    errors = []

    def work(function):
        # The current workspace is that of a context, which a thread does not inherit.
        with using_workspace(workspace):
            while not stop.is_set():
                try:
                    function()
                except NotFound:
                    continue
                except Exception as error:  # any other is what this is about
                    errors.append(error)
                    return

    def read():
        for model in jubako.models.list():
            assert model.path.name == model.tag.version
            jubako.models.get(model.tag)

    def verify():
        for model in jubako.models.list("iris"):
            jubako.models.verify(model.tag)

    def delete():
        for model in jubako.models.list("fleeting")[:-1]:
            jubako.models.delete(model.tag)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        threads = [threading.Thread(target=work, args=(function,)) for function in (read, verify, delete)]
        for thread in threads:
            thread.start()
        tags = [create(name) for _ in range(15) for name in ("iris", "fleeting")]
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []
    assert [model.tag for model in jubako.models.list("iris")] == sorted(tag for tag in tags if tag.name == "iris")
    assert jubako.models.get("fleeting").tag == tags[-1]
