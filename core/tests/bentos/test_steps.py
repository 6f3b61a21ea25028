"""The built-in steps pass the contract that plugins' steps pass."""

from __future__ import annotations

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


class TestReadme(BuildStepTests):
    name = "readme"

    def check(self, folder):
        assert (folder / "README.md").read_text() == "# echo\n\n- `POST /echo`: Say the same again.\n"


class TestOpenapi(BuildStepTests):
    name = "openapi"

    def check(self, folder):
        document = parse_yaml((folder / "apis" / "openapi.yaml").read_text(), "openapi.yaml")
        assert document == self.service().openapi_doc()
