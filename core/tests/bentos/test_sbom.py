"""`sbom.cdx.json`: valid, complete, and the same for the same Bento."""

from __future__ import annotations

import functools
import json
import zipfile
from importlib.metadata import version
from importlib.resources import files

import jsonschema_rs
import pytest

import jubako
from jubako.bentos.draft import Draft
from jubako.bentos.options import BuildOptions
from jubako.bentos.python_options import PythonOptions
from jubako.bentos.steps.sbom import write_sbom
from jubako.stores.digests import sha256_of
from jubako.testing import BuildStepTests

DIGEST = "0" * 63
ATTRS = version("attrs")


@functools.cache
def schema_of_cyclonedx():
    """The schema that cyclonedx-python-lib has; its own validator compiles grammars for seconds when it is imported."""
    schemas = files("cyclonedx.schema") / "_res"

    def read(uri):
        return json.loads((schemas / uri.rpartition("/")[2]).read_text("utf-8"))

    return jsonschema_rs.Draft7Validator(read("bom-1.6.SNAPSHOT.schema.json"), retriever=read, validate_formats=True)


def check_valid(text):
    schema_of_cyclonedx().validate(json.loads(text))


class TestSbom(BuildStepTests):
    name = "sbom"

    def check(self, folder):
        text = (folder / "sbom.cdx.json").read_text()
        check_valid(text)
        document = json.loads(text)
        assert document["metadata"]["component"] == {"type": "application", "bom-ref": "bento:echo", "name": "echo"}
        assert document["components"] == []


@pytest.fixture
def list_components(tmp_path, workspace):
    """A function that writes files of a draft, runs the step, and gives the components by their references."""

    def run(files, **options):
        folder = tmp_path / "draft"
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        plain = BuildOptions(service="service:svc", **options).to_plain()
        write_sbom(Draft(folder, tmp_path, jubako.Service("toy"), plain))
        text = (folder / "sbom.cdx.json").read_text()
        check_valid(text)
        document = json.loads(text)
        components = {component["bom-ref"]: component for component in document["components"]}
        assert document["dependencies"] == [{"ref": "bento:toy", "dependsOn": list(components)}]
        return components

    return run


def test_packages_are_listed_with_version_hashes_and_licence(list_components):
    lock = (
        "# head\n--no-index\n--find-links ./wheels\n./wheels/given-2.0-py3-none-any.whl \\\n"
        f"    --hash=sha256:{DIGEST}9\n"
        f"attrs=={ATTRS} \\\n    --hash=sha256:{DIGEST}1 \\\n    --hash=sha256:{DIGEST}2\n"
        f"no-such-thing==1.0+cpu ; sys_platform == 'linux' --hash=sha256:{DIGEST}3\n"
    )
    components = list_components(
        {"env/python/requirements.lock.txt": lock, "env/python/requirements.txt": "other\n"},
        python=PythonOptions(index_url="https://packages.example/simple/"),
    )
    assert list(components) == [f"pkg:pypi/attrs@{ATTRS}", "pkg:pypi/no-such-thing@1.0%2Bcpu"]
    attrs, unknown = components.values()
    assert attrs["licenses"] == [{"expression": "MIT"}]
    assert attrs["externalReferences"] == [
        {
            "type": "distribution",
            "url": "https://packages.example/simple/attrs/",
            "hashes": [{"alg": "SHA-256", "content": f"{DIGEST}{last}"} for last in "12"],
        }
    ]
    assert unknown["version"] == "1.0+cpu"
    assert unknown["properties"] == [{"name": "jubako:marker", "value": 'sys_platform == "linux"'}]
    assert "licenses" not in unknown


def test_the_licence_of_another_version_is_not_told(list_components):
    components = list_components({"env/python/requirements.lock.txt": "attrs==0.0.1\n"})
    assert "licenses" not in components["pkg:pypi/attrs@0.0.1"]


def test_without_a_lock_the_requirements_are_listed_without_versions(list_components):
    components = list_components({"env/python/requirements.txt": "attrs>=20\n"})
    assert components == {
        "pkg:pypi/attrs": {
            "type": "library",
            "bom-ref": "pkg:pypi/attrs",
            "name": "attrs",
            "purl": "pkg:pypi/attrs",
        }
    }


def test_packed_wheels_are_listed_with_their_own_hash(list_components, tmp_path):
    wheels = tmp_path / "draft/env/python/wheels"
    wheels.mkdir(parents=True)
    wheel = wheels / "my_code-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("my_code.py", "")
    components = list_components({"env/python/requirements.lock.txt": "./wheels/my_code-1.0-py3-none-any.whl\n"})
    assert list(components) == ["pkg:pypi/my-code@1.0"]
    assert components["pkg:pypi/my-code@1.0"]["hashes"] == [{"alg": "SHA-256", "content": sha256_of(wheel)}]


def test_a_whole_bento_lists_its_models_and_jubako_and_equal_builds_have_equal_lists(context):
    with jubako.models.create("numbers", module="") as draft:
        draft.path_of("value.txt").write_text("42")
    first = jubako.build("service:svc", additional_models=["numbers"], version="v1")
    second = jubako.build("service:svc", additional_models=["numbers"], version="v2")
    text = first.path_of("sbom.cdx.json").read_text()
    check_valid(text)
    assert text == second.path_of("sbom.cdx.json").read_text()
    assert "v1" not in text
    components = {component["bom-ref"]: component for component in json.loads(text)["components"]}
    model = components[f"model:{draft.tag}"]
    assert model["type"] == "machine-learning-model"
    assert f"sha256:{model['hashes'][0]['content']}" == jubako.models.get(draft.tag).info.digest
    assert components[f"pkg:pypi/jubako@{jubako.__version__}"]["properties"][0]["name"] == "jubako:wheel"
    assert any(name.startswith("pkg:pypi/numpy@") for name in components)


@pytest.mark.parametrize(
    "wrong",
    [
        {"serialNumber": "one"},
        {"metadata": {"timestamp": "yesterday"}},
        {"externalReferences": [{"type": "website", "url": "http://[a b"}]},
        {"components": [{"type": "library", "name": "a", "licenses": [{"license": {"id": "No-Such-Licence"}}]}]},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_is_no_bill_of_materials_is_found(wrong):
    right = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}
    check_valid(json.dumps(right))
    with pytest.raises(jsonschema_rs.ValidationError):
        check_valid(json.dumps({**right, **wrong}))
