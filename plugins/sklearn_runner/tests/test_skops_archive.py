"""Made-up archives: whatever they name, nothing of it runs, and what is not on the list is refused by name."""

from __future__ import annotations

import itertools
import json
import re
import zipfile

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from jubako.errors import InvalidManifest, ModelNotTrusted
from jubako_sklearn_runner import skops_types
from jubako_sklearn_runner.skops_archive import check_archive
from jubako_sklearn_runner.skops_serializer import SkopsSerializer

FILE = "model.skops"
# A node of an id that was seen before stands for the node that had it.
IDS = itertools.count(1)


def node(kind, name, **fields):
    """One node of an archive, as skops writes it."""
    module, _, cls = name.rpartition(".")
    return {"__class__": cls, "__module__": module, "__loader__": kind, "__id__": next(IDS), **fields}


def json_node(value):
    return node("JsonNode", "builtins.str", content=json.dumps(value), is_json=True)


def list_node(*items):
    return node("ListNode", "builtins.list", content=list(items))


def dict_node(**items):
    keys = list_node(*(node("TypeNode", "builtins.str") for _ in items))
    return node("DictNode", "builtins.dict", content=items, key_types=keys)


def tuple_node(*items):
    return node("TupleNode", "builtins.tuple", content=list(items))


def estimator(**attributes):
    """A FunctionTransformer with these attributes."""
    attributes = {"func": json_node(None), "kw_args": json_node(None), **attributes}
    return node(
        "ObjectNode", "sklearn.preprocessing._function_transformer.FunctionTransformer", content=dict_node(**attributes)
    )


def archive(folder, schema, *, protocol=2, members=None, compression=zipfile.ZIP_STORED):
    """Write an archive with this root."""
    text = json.dumps({**schema, "protocol": protocol, "_skops_version": "0.16.0"})
    with zipfile.ZipFile(folder / FILE, "w", compression) as written:
        written.writestr("schema.json", text)
        for name, content in (members or {}).items():
            written.writestr(name, content)
    return folder


def touch(canary):
    """Arguments of `os.open` and friends that would leave a file behind."""
    return tuple_node(json_node(str(canary)), json_node(0o101))


def hostile(canary):
    """Archives that would run something, each of another kind."""
    path = json_node(str(canary))
    opened = node("ConstructorFromReduceNode", "io.FileIO", content=tuple_node(path, json_node("w")))
    system = node("FunctionNode", "os.system")
    partial = node(
        "PartialNode",
        "functools.partial",
        content={"func": system, "args": tuple_node(path), "kwds": dict_node(), "namespace": json_node(None)},
    )
    return {
        "a function": estimator(func=system),
        "a builtin": estimator(func=node("TypeNode", "builtins.eval")),
        "a function as a type": estimator(func=node("TypeNode", "os.system")),
        "a function of numpy that is not pure": estimator(func=node("FunctionNode", "numpy.save")),
        "a function behind the name of a pure one": estimator(func=node("FunctionNode", "numpy.f2py.compile")),
        "a constructor": estimator(func=opened),
        "an object of any class": estimator(func=node("ObjectNode", "subprocess.Popen", content=dict_node(args=path))),
        "a class of a module of its own": node("ObjectNode", "canary.Canary", content=dict_node()),
        "a class of the user's": node("ObjectNode", "__main__.Canary", content=dict_node()),
        "a method": estimator(
            func=node(
                "MethodNode",
                "sklearn.preprocessing._function_transformer.FunctionTransformer",
                content={"func": "fit", "obj": estimator()},
            )
        ),
        "an operator": estimator(
            func=node("OperatorFuncNode", "operator.methodcaller", attrs=tuple_node(json_node("fit")))
        ),
        "a partial function": estimator(func=partial),
        "a list of another class": estimator(func=node("ListNode", "os.listdir", content=[path])),
        "keys that are called": estimator(
            kw_args=node("DictNode", "builtins.dict", content={str(canary): path}, key_types=list_node(system))
        ),
        "a dictionary of another class": estimator(
            kw_args=node("DictNode", "shelve.DbfilenameShelf", content={}, key_types=list_node())
        ),
        "an array of another class": estimator(func=node("NdArrayNode", "numpy.memmap", type="numpy", file="1.npy")),
        "a tree of another class": estimator(
            func=node("TreeNode", "os.open", content=dict_node(), __reduce__={"args": touch(canary)})
        ),
        "a loss of another class": estimator(
            func=node("LossNode", "os.open", content=dict_node(), __reduce__={"args": touch(canary)})
        ),
        "a random generator by the name of a function": estimator(
            func=node(
                "RandomGeneratorNode",
                "numpy.random._generator.Generator",
                content={
                    "bit_generator": dict_node(bit_generator=json_node("seed")),
                    "seed_seq": dict_node(entropy=json_node(1)),
                },
            )
        ),
        "a node that is its own part": estimator(func={**opened, "__id__": 1}),
        "a kind of node that there is not": estimator(func=node("PickleNode", "builtins.str", content="")),
        "a distance that calls a function": estimator(
            func=node("ObjectNode", "sklearn.metrics._dist_metrics.PyFuncDistance64", content=tuple_node(system))
        ),
    }


@pytest.mark.parametrize("kind", hostile("canary"))
def test_an_archive_that_names_what_is_not_listed_is_refused_and_runs_nothing(kind, tmp_path):
    canary = tmp_path / "canary"
    folder = archive(tmp_path, hostile(canary)[kind], members={"1.npy": b""})
    with pytest.raises(ModelNotTrusted, match=r"model\.skops holds .*Node\)"):
        SkopsSerializer().load(folder)
    assert not canary.exists()


def test_the_error_names_what_was_found_and_what_to_do(tmp_path):
    with pytest.raises(ModelNotTrusted) as caught:
        SkopsSerializer().load(archive(tmp_path, estimator(func=node("FunctionNode", "os.system"))))
    assert str(caught.value) == (
        "model.skops holds os.system (FunctionNode).\n"
        "A model stored as skops holds types of scikit-learn's own only; this one was changed or made by hand.\n"
        "Do: get the model again from where it was trained, and save it with jubako.sklearn.save"
    )


@pytest.mark.parametrize("protocol", [0, 1, 3, -1, True, 2.0, "2", None])
def test_other_protocols_are_refused(protocol, tmp_path):
    # Protocol 0 reads a function's name from another place than the one that is checked.
    hidden = node("FunctionNode", "numpy.mean", content={"module_path": "os", "function": "system"})
    with pytest.raises(InvalidManifest, match="skops protocol"):
        SkopsSerializer().load(archive(tmp_path, estimator(func=hidden), protocol=protocol))


@pytest.mark.parametrize("member", ["../evil.npy", "/evil.npy", "evil.pkl", "1.npy.pkl", "1" * 50 + ".npy"])
def test_unexpected_members_are_refused(member, tmp_path):
    with pytest.raises(InvalidManifest, match="unexpected member"):
        SkopsSerializer().load(archive(tmp_path, estimator(), members={member: b""}))


def test_two_members_of_one_name_are_refused(tmp_path):
    folder = archive(tmp_path, estimator())
    with zipfile.ZipFile(folder / FILE, "a") as written, pytest.warns(UserWarning, match="Duplicate"):
        written.writestr("schema.json", "{}")
    with pytest.raises(InvalidManifest, match="unexpected member"):
        SkopsSerializer().load(folder)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    folder = archive(tmp_path, estimator(), members={"1.npy": bytes(2**24)}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(InvalidManifest, match="unexpected member"):
        SkopsSerializer().load(folder)


def test_a_schema_that_is_nested_too_deep_is_damaged(tmp_path):
    with zipfile.ZipFile(tmp_path / FILE, "w") as written:
        written.writestr("schema.json", "[" * 200_000)
    with pytest.raises(InvalidManifest, match="no skops archive"):
        SkopsSerializer().load(tmp_path)


def test_a_joblib_file_renamed_to_skops_is_no_archive(tmp_path, iris):
    joblib.dump(LogisticRegression(max_iter=500).fit(*iris), tmp_path / FILE)
    with pytest.raises(InvalidManifest, match="no skops archive"):
        SkopsSerializer().load(tmp_path)


def test_an_archive_of_something_else_than_an_estimator_is_refused(tmp_path):
    with pytest.raises(InvalidManifest, match="holds a list, no estimator"):
        SkopsSerializer().load(archive(tmp_path, list_node(json_node(1))))


def test_an_array_of_objects_is_not_unpickled(tmp_path):
    array = node("NdArrayNode", "numpy.ndarray", type="numpy", file="1.npy")
    np.save(tmp_path / "1.npy", np.array([FunctionTransformer()], dtype=object), allow_pickle=True)
    members = {"1.npy": (tmp_path / "1.npy").read_bytes()}
    with pytest.raises(InvalidManifest, match="allow_pickle=False"):
        SkopsSerializer().load(archive(tmp_path, estimator(func=array), members=members))


@pytest.mark.parametrize("function", [np.log1p, np.add, np.sqrt])
def test_elementwise_functions_of_numpy_are_data(function, tmp_path):
    SkopsSerializer().dump(FunctionTransformer(function), tmp_path)
    assert SkopsSerializer().load(tmp_path).func is function


def test_a_listed_model_passes_with_the_names_that_skops_is_to_trust(tmp_path):
    skops.io.dump(GaussianProcessRegressor().fit([[0.0], [1.0]], [0.0, 1.0]), tmp_path / FILE)
    trusted = check_archive(tmp_path / FILE)
    assert "sklearn.gaussian_process.kernels.RBF" in trusted
    assert set(trusted) <= skops_types.LISTED


def test_the_list_names_no_way_to_run_code():
    ways = re.compile(
        r"\b(os|sys|io|subprocess|shutil|socket|ctypes|pickle|joblib|importlib|builtins\.(eval|exec|open|compile|map|getattr"
        r"|__import__)|operator)\b|PyFunc|memmap|f2py|load|save"
    )
    assert [name for name in skops_types.LISTED if ways.search(name)] == []
    assert not {"MethodNode", "OperatorFuncNode", "ConstructorFromReduceNode"} & skops_types.NODES.keys()


@pytest.mark.parametrize("change", ["before", "behind", "comment", "twice"])
def test_an_archive_that_is_something_else_too_is_refused(tmp_path, change):
    SkopsSerializer().dump(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), tmp_path)
    path = tmp_path / FILE
    content = path.read_bytes()
    if change == "before":
        path.write_bytes(b"cos\nsystem\n(S'id'\ntR." + content)
    elif change == "behind":
        path.write_bytes(content + b"cos\nsystem\n(S'id'\ntR.")
    elif change == "comment":
        with zipfile.ZipFile(path, "a") as archive:
            archive.comment = b"cos\nsystem\n(S'id'\ntR."
    else:
        # The second entry of the directory points at the first member's content, under its own name.
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("schema.json", " " * 1000 + "{}")
            for number in range(1, 5):
                copy = zipfile.ZipInfo(f"{number}.npy")
                copy.header_offset, copy.file_size, copy.compress_size = 0, 1002, 1002
                copy.CRC = archive.getinfo("schema.json").CRC
                archive.filelist.append(copy)
                archive.NameToInfo[copy.filename] = copy
            archive._didModify = True
    with pytest.raises(InvalidManifest, match=r"is no skops archive|has something before, behind or twice inside it"):
        check_archive(path)
