"""The built-in steps pass the contract that plugins' steps pass."""

from __future__ import annotations

import sys
from importlib.metadata import version

import jubako
from jubako._documents import parse_yaml
from jubako.testing import BuildStepTests


class TestSources(BuildStepTests):
    name = "sources"

    def check(self, folder):
        assert (folder / "src" / "data" / "words.txt").read_text() == "one\ntwo\n"


class TestModels(BuildStepTests):
    name = "models"

    def check(self, folder):
        assert list(folder.iterdir()) == []


class TestPython(BuildStepTests):
    name = "python"

    def check(self, folder):
        place = folder / "env" / "python"
        (wheel,) = (place / "wheels").iterdir()
        assert wheel.name == f"jubako-{jubako.__version__}-py3-none-any.whl"
        lines = (place / "requirements.lock.txt").read_text().splitlines()
        assert lines[1] == f"./wheels/{wheel.name}"
        assert f"attrs=={version('attrs')}" in lines
        assert (place / "requirements.txt").read_text().splitlines()[1:] == [f"./wheels/{wheel.name}"]
        assert (place / "version.txt").read_text() == "{}.{}\n".format(*sys.version_info[:2])


class TestReadme(BuildStepTests):
    name = "readme"

    def check(self, folder):
        assert (folder / "README.md").read_text() == "# echo\n\n- `POST /echo`: Say the same again.\n"


class TestOpenapi(BuildStepTests):
    name = "openapi"

    def check(self, folder):
        document = parse_yaml((folder / "apis" / "openapi.yaml").read_text(), "openapi.yaml")
        assert document == self.service().openapi_doc()
