"""`jubako models untrust`, and `jubako models trust --list`."""

from __future__ import annotations

import json

import pytest

from jubako.models import create, get
from jubako.plugins import compose
from jubako.settings import PluginSettings, Settings, StoreSettings
from jubako.workspace import open_workspace, using_workspace


@pytest.fixture
def model(tmp_path):
    settings = Settings(stores=StoreSettings(home=tmp_path / "home"))
    with using_workspace(open_workspace(settings, compose(PluginSettings(allow=())))):
        with create("iris", custom_objects={"more": 1}) as draft:
            draft.path_of("weights").write_bytes(b"w")
        return get("iris")


def test_what_is_trusted_is_listed_with_where_that_is_from(jubako, model):
    setting = f"sha256:{'0' * 64}"
    done = jubako("models", "trust", "--list", JUBAKO_TRUST__DIGESTS=setting)
    headings, of_file, of_settings = done.stdout.splitlines()
    assert headings.split() == ["DIGEST", "NOTE"]
    assert of_file.startswith(f"{model.digest}  {model.tag} saved 20")
    assert of_settings.split(maxsplit=1) == [setting, "the setting trust.digests"]
    (data,) = json.loads(jubako("models", "trust", "--list", "--json").stdout)
    assert (data["digest"], data["is_setting"]) == (model.digest, False)
    assert jubako("models", "trust", "--list", "-q").stdout == f"{model.digest}\n"


@pytest.mark.parametrize("form", ["tag", "name", "digest"])
def test_trust_is_taken_back(form, jubako, model):
    target = {"tag": str(model.tag), "name": "iris", "digest": model.digest}[form]
    done = jubako("models", "untrust", target)
    assert (done.exit_code, done.stdout) == (0, f"{target}: no longer trusted\n")
    assert jubako("models", "trust", "--list").stdout == "No model is trusted.\n"
    again = jubako("models", "untrust", target)
    assert again.exit_code == 1
    assert f"{target} is not in " in again.stderr
    assert "Do: see what is trusted: jubako models trust --list" in again.stderr
    assert jubako("models", "trust", "iris").stdout.startswith(f"{model.tag}: trusted\n")


def test_a_digest_of_the_settings_stays_trusted_and_that_is_told(jubako, model):
    done = jubako("models", "untrust", "iris", JUBAKO_TRUST__DIGESTS=model.digest)
    assert done.exit_code == 0
    assert "Note: the setting trust.digests has it too" in done.stderr


@pytest.mark.parametrize("words", [("trust",), ("trust", "iris", "--list"), ("untrust",)])
def test_what_is_half_typed_is_refused(words, jubako, model):
    assert jubako("models", *words).exit_code == 2
