from __future__ import annotations

import contextlib
import errno
import shutil
import threading
import warnings

import attrs
import numpy as np
import pytest

import jubako.models
from jubako.errors import InvalidArgument, ModelDigestMismatch, ModelNotTrusted, OfferNotFound, StoreError
from jubako.models import load_object, save_object
from jubako.plugins import compose
from jubako.settings import PluginSettings, Settings, StoreSettings, TrustSettings
from jubako.stores.digests import digest_folder
from jubako.stores.manifests import write_model_info
from jubako.testing.serializer_tests import pickles_that_create
from jubako.workspace import open_workspace, using_workspace

ALL = ("npy", "json", "cloudpickle")
pytestmark = pytest.mark.usefixtures("workspace")

STIFF = """
import jubako
from jubako.contracts.offers import SerializerType

@jubako.hookimpl
def jubako_register_serializers():
    for trust in ("code", "data"):
        yield SerializerType(
            name=f"stiff-{trust}", summary="Refuses all.", serializer="stiff_work:Stiff", trust=trust,
        )
"""
STIFF_WORK = """
from jubako.contracts.serializer import Serializer
from jubako.exceptions import InvalidArgument

class Stiff(Serializer):
    def can_dump(self, model):
        return True

    def dump(self, model, folder):
        raise InvalidArgument("it is" + " too soft" * 100)

    def load(self, folder):
        raise NotImplementedError
"""


@pytest.fixture
def composition_with(workspace):
    """Return a function that composes one more plugin, for the rest of the test."""
    with contextlib.ExitStack() as stack:

        def use(plugin):
            composition = compose(PluginSettings(allow=(plugin,)))
            return stack.enter_context(using_workspace(open_workspace(workspace.settings, composition)))

        yield use


def save_as_code(**options):
    with pytest.warns(UserWarning, match="stored as cloudpickle"):
        return save_object("code", {"answer": {42}}, module="toy", serializers=ALL, **options)


def forget_trust(workspace):
    (workspace.settings.stores.home / ".store/trust").unlink()


@pytest.mark.parametrize(("value", "serializer"), [(np.arange(3), "npy"), ({"a": [1, None]}, "json")])
def test_the_first_format_that_gives_the_object_back_is_used_and_recorded(value, serializer):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tag = save_object("iris", value, module="toy", serializers=ALL, labels={"a": "b"})
    model = jubako.models.get(tag)
    assert (model.info.serializer, model.info.module, model.info.labels) == (serializer, "toy", {"a": "b"})
    for wanted in (tag, "iris", model):
        read = load_object(wanted, module="toy")
        assert type(read) is type(value)
        assert np.array_equal(read, value)


def test_a_format_that_can_run_code_warns_in_one_line_and_says_why_no_other_would_do():
    def save_of_a_runner_type(name, model):
        return save_object(name, model, module="toy", serializers=ALL)

    with pytest.warns(UserWarning, match="stored as cloudpickle, which can run code when it is loaded") as caught:
        save_of_a_runner_type("iris", {"a": (1,)})
    assert len(caught) == 1
    message = str(caught[0].message)
    assert "\n" not in message
    assert (
        "It would be data without what one of its data formats refuses: npy: it does not take dict.; json: " in message
    )
    assert "$.a is of type tuple, and would be read as list." in message
    assert caught[0].filename == __file__


def test_the_warning_names_data_formats_only_and_shortens_what_they_say(site, composition_with):
    site.install_plugin("stiff", STIFF)
    site.install("work", modules={"stiff_work.py": STIFF_WORK})
    composition_with("stiff")
    with pytest.warns(UserWarning, match="stored as cloudpickle") as caught:
        save_object("iris", {1}, module="toy", serializers=("stiff-code", "stiff-data", "cloudpickle"))
    _, _, reason = str(caught[0].message).partition("It would be data without what its data format refuses: ")
    assert reason.startswith("stiff-data: it is too soft too soft")
    assert reason.endswith("too …")
    assert len(reason) <= 240
    assert "stiff-code" not in str(caught[0].message)


def test_the_warning_says_when_the_runner_type_has_no_data_format():
    with pytest.warns(UserWarning, match="no data format") as caught:
        tag = save_object("iris", [1], module="toy", serializers=("cloudpickle",))
    assert str(caught[0].message) == (
        f"model {tag} is stored as cloudpickle, which can run code when it is loaded. "
        "Runner type 'toy' offers no data format for it."
    )


def test_what_a_refused_format_had_written_is_not_stored():
    tag = save_as_code()
    assert [entry.path for entry in jubako.models.get(tag).info.files] == ["object.pkl"]


def test_the_runner_type_decides_what_is_the_same():
    compared = []

    def same(written, read):
        compared.append((written, read))
        return False

    with pytest.raises(InvalidArgument, match="json: what is read back is not the same"):
        save_object("iris", [1], module="toy", serializers=("json",), same=same)
    assert compared == [([1], [1])]
    assert jubako.models.list() == []


def test_an_error_calls_an_object_what_its_runner_type_does():
    with pytest.raises(InvalidArgument, match="Forest cannot be stored as json"):
        save_object("iris", object(), module="toy", serializers=("json",), described_as="Forest")


def test_an_object_that_no_format_takes_is_refused_with_the_reason_of_each():
    lock = threading.Lock()
    with pytest.raises(InvalidArgument, match=r"(?s)lock cannot be stored as .*npy: .*json: .*cloudpickle: .*pickle"):
        save_object("iris", lock, module="toy", serializers=ALL)
    assert jubako.models.list() == []


def test_a_format_that_is_not_offered_is_named():
    with pytest.raises(OfferNotFound, match="'tea_leaves'"):
        save_object("iris", [1], module="toy", serializers=("tea_leaves",))


def test_the_plugin_that_offers_the_format_is_recorded_and_named_where_it_is_missing(site, composition_with):
    plugin = STIFF.replace("stiff_work:Stiff", "jubako.serializers.json:JsonSerializer")
    site.install_plugin("stiff", plugin)
    composition_with("stiff")
    tag = save_object("iris", [1], module="toy", serializers=("stiff-data",))
    context = jubako.models.get(tag).info.context
    assert (context.plugin, context.serializer_plugin) == ("", "jubako-stiff==1.0")
    assert context.framework_versions == {"jubako-stiff": "1.0"}
    assert context.pip_requirements == ("jubako-stiff==1.0",)
    assert load_object(tag, module="toy") == [1]
    home = jubako.models.get(tag).path.parents[2]
    shutil.rmtree(site.folder / "jubako_stiff-1.0.dist-info")
    with using_workspace(open_workspace(Settings(stores=StoreSettings(home=home)))):
        with pytest.raises(OfferNotFound) as caught:
            load_object(tag, module="toy")
        assert caught.value.message.startswith(f"model {tag} cannot be loaded: ")
        assert caught.value.do == "pip install jubako-stiff==1.0"
        assert jubako.models.get(save_object("iris", [1], module="toy", serializers=ALL)).info.context.plugin == ""


def test_another_runner_types_model_is_refused_with_the_right_way():
    tag = save_object("iris", [1], module="toy", serializers=ALL)
    with pytest.raises(InvalidArgument, match=r"saved by runner type 'toy', not by 'sock'.*\n.*jubako\.toy\.load"):
        load_object(tag, module="sock")
    with jubako.models.create("hand") as draft:
        draft.path_of("a").write_text("1")
    with pytest.raises(InvalidArgument, match="saved by no runner type"):
        load_object("hand", module="toy")


def test_code_is_loaded_where_it_was_saved():
    assert load_object(save_as_code(), module="toy") == {"answer": {42}}


def test_code_that_was_not_declared_trusted_is_not_loaded_and_the_error_says_what_to_do(workspace):
    tag = save_as_code(custom_objects={"more": 1})
    model = jubako.models.get(tag)
    forget_trust(workspace)
    for load in (lambda: load_object(tag, module="toy"), lambda: model.custom_objects):
        with pytest.raises(ModelNotTrusted) as caught:
            load()
        for words in (
            str(tag),
            "saved into this store",
            model.digest,
            "can run any code",
            f"if you trust whoever made it: jubako models trust {tag}; or, for one server, ",
            f"jubako serve --trust {model.digest}, or the setting trust.digests",
        ):
            assert words in str(caught.value)
    trusting = attrs.evolve(workspace.settings, trust=TrustSettings(digests=[model.digest]))
    with using_workspace(open_workspace(trusting, workspace.composition)):
        assert load_object(tag, module="toy") == {"answer": {42}}
        assert jubako.models.get(tag).custom_objects == {"more": 1}


def test_the_error_names_where_an_imported_model_came_from(workspace):
    tag = save_as_code()
    folder = jubako.models.get(tag).path
    other = open_workspace(
        attrs.evolve(
            workspace.settings,
            stores=attrs.evolve(workspace.settings.stores, home=workspace.settings.stores.home / "other"),
        ),
        workspace.composition,
    )
    with other.model_store.draft(tag, origin="https://example.org/models") as copied:
        for path in folder.iterdir():
            (copied / path.name).write_bytes(path.read_bytes())
    forget_trust(workspace)
    with using_workspace(workspace), pytest.raises(ModelNotTrusted) as caught:
        load_object(tag, module="toy", _model_store=other.model_store)
    # The command would look for it in another store.
    assert "models trust" not in str(caught.value)
    assert "jubako serve --trust sha256:" in str(caught.value)
    with using_workspace(other), pytest.raises(ModelNotTrusted, match=r"it came from 'https://example\.org/models'"):
        load_object(tag, module="toy")


def test_data_needs_no_trust(workspace):
    tag = save_object("iris", np.arange(3), module="toy", serializers=ALL, custom_objects={"more": 1})
    forget_trust(workspace)
    assert load_object(tag, module="toy").tolist() == [0, 1, 2]
    with pytest.raises(ModelNotTrusted, match="custom objects are pickles"):
        assert jubako.models.get(tag).custom_objects


def write(path, content):
    path.chmod(0o600)
    path.write_bytes(content)


def rewrite_manifest(model, *changes):
    path = model.path / "model.yaml"
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    write(path, text.encode())


FULL = """
import errno
import os

from jubako.contracts.serializer import Serializer
from jubako.exceptions import InvalidArgument

class Full(Serializer):
    def can_dump(self, model):
        return True

    def dump(self, model, folder):
        try:
            raise OSError(*model)
        except OSError as error:
            raise InvalidArgument("it cannot be kept") from error

    def load(self, folder):
        raise NotImplementedError
"""


@pytest.mark.parametrize(
    ("failure", "words"),
    [((errno.ENOSPC, "No space left"), "No space left"), (("10 requested and 5 written",), "10 requested")],
)
def test_a_disk_that_fails_does_not_make_code_of_data(failure, words, site, composition_with):
    plugin = STIFF.replace("stiff_work:Stiff", "full_work:Full")
    site.install(
        "jubako-full", plugins={"full": "full_plugin"}, modules={"full_plugin.py": plugin, "full_work.py": FULL}
    )
    composition_with("full")
    with pytest.raises(StoreError, match=rf"(?s)model iris:\w+ was not saved.*{words}"):
        save_object("iris", failure, module="toy", serializers=("stiff-data", "cloudpickle"))
    assert jubako.models.list() == []


def test_an_object_that_misses_a_file_of_its_own_is_no_failing_disk(site, composition_with):
    plugin = STIFF.replace("stiff_work:Stiff", "full_work:Full")
    site.install(
        "jubako-full", plugins={"full": "full_plugin"}, modules={"full_plugin.py": plugin, "full_work.py": FULL}
    )
    composition_with("full")
    with pytest.warns(UserWarning, match="stored as cloudpickle"):
        save_object("iris", (errno.ENOENT, "missing"), module="toy", serializers=("stiff-data", "cloudpickle"))


def test_a_changed_manifest_is_named_when_the_model_is_loaded():
    tag = save_object(
        "iris", np.arange(3), module="toy", serializers=ALL, custom_objects={"more": 1}, labels={"a": "b"}
    )
    rewrite_manifest(jubako.models.get(tag), ("a: b", "a: c"))
    opened = jubako.models.get(tag)
    for load in (lambda: load_object(tag, module="toy"), lambda: opened.custom_objects, opened.trust):
        with pytest.raises(ModelDigestMismatch, match=r"model\.yaml is damaged, or was changed"):
            load()


def test_every_damaged_file_is_named_when_it_is_loaded():
    tag = save_as_code(custom_objects={"more": 1})
    model = jubako.models.get(tag)
    for entry in model.info.files:
        path = model.path / entry.path
        original = path.read_bytes()
        for position in range(0, len(original), max(1, len(original) // 20)):
            damaged = bytearray(original)
            damaged[position] ^= 0xFF
            write(path, damaged)
            opened = jubako.models.get(tag)
            with pytest.raises(ModelDigestMismatch, match=f"{entry.path} is damaged"):
                assert opened.custom_objects if entry.path == "custom_objects.pkl" else load_object(tag, module="toy")
        write(path, original)
    assert load_object(tag, module="toy") == {"answer": {42}}


def test_a_pickle_planted_with_a_fitting_manifest_is_not_trusted_and_never_runs(tmp_path):
    tag = save_as_code(custom_objects={"more": 1})
    model = jubako.models.get(tag)
    for pickled in pickles_that_create(tmp_path / "canary"):
        for entry in model.info.files:
            write(model.path / entry.path, pickled)
        (model.path / "model.yaml").unlink()
        planted = attrs.evolve(model.info, files=digest_folder(model.path))
        write_model_info(model.path, planted)
        with pytest.raises(ModelNotTrusted, match="where it came from is not recorded"):
            load_object(tag, module="toy")
        with pytest.raises(ModelNotTrusted):
            assert jubako.models.get(tag).custom_objects
    assert not (tmp_path / "canary").exists()


def test_a_model_whose_format_is_renamed_is_read_in_that_format_or_not_trusted(workspace, tmp_path):
    tag = save_as_code()
    model = jubako.models.get(tag)
    write(model.path / "object.pkl", pickles_that_create(tmp_path / "canary")[0])
    rewrite_manifest(model, ("serializer: cloudpickle", "serializer: npy"))
    with pytest.raises((ModelDigestMismatch, InvalidArgument)):
        load_object(tag, module="toy")
    data = save_object("data", [1], module="toy", serializers=ALL)
    rewrite_manifest(jubako.models.get(data), ("serializer: json", "serializer: cloudpickle"))
    with pytest.raises(ModelNotTrusted):
        load_object(data, module="toy")
    assert not (tmp_path / "canary").exists()
    assert workspace.trust.is_trusted(model.digest)
