"""`sbom.cdx.json`: valid, complete, and the same for the same Bento."""

from __future__ import annotations

import json
import zipfile
from importlib.metadata import version

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import jubako
from jubako.bentos.draft import Draft
from jubako.bentos.options import BuildOptions
from jubako.bentos.python_options import PythonOptions
from jubako.bentos.steps.sbom import write_sbom
from jubako.stores.digests import sha256_of
from jubako.testing import BuildStepTests

DIGEST = "0" * 63
ATTRS = version("attrs")


def check_valid(text):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


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
