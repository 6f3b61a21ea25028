"""What the shell offers for tags."""

from __future__ import annotations

import click
import pytest

from jubako.cli._completion import complete_any_tag, complete_bentos, complete_models, complete_services

ARGUMENT = click.Argument(["tag"])


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with folders of models and a Bento; nothing in them, as only names are read."""
    for folder in (
        "models/iris/1",
        "models/iris/2",
        "models/irises/1",
        "models/.draft-x/1",
        "models/a\nplain,b/1",
        "bentos/flowers/7",
    ):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setenv("JUBAKO_HOME", str(tmp_path))
    return tmp_path


def offered(complete, incomplete):
    context = click.Context(click.Command("x"))
    return [item.value for item in complete(context, ARGUMENT, incomplete)]


def test_names_come_first_and_versions_after_a_colon(home):
    assert offered(complete_models, "") == ["iris", "irises"]
    assert offered(complete_models, "iris") == ["iris", "irises"]
    assert offered(complete_models, "iris:") == ["iris:1", "iris:2", "iris:latest"]
    assert offered(complete_models, "iris:l") == ["iris:latest"]


def test_of_the_only_name_versions_come_at_once(home):
    assert offered(complete_models, "irise") == ["irises", "irises:1"]


def test_bentos_are_not_models(home):
    assert offered(complete_bentos, "f") == ["flowers", "flowers:7"]
    assert offered(complete_any_tag, "") == ["flowers", "iris", "irises"]


def test_what_is_served_is_a_bento_or_a_file(home):
    assert offered(complete_services, "flowers:") == ["flowers:7", "flowers:latest"]
    [item] = complete_services(click.Context(click.Command("x")), ARGUMENT, "./serv")
    assert item.type == "file", "the shell completes it by itself"


def test_after_a_comma_the_next_one_is_offered(home):
    assert offered(complete_models, "irises:1,iris:") == [
        "irises:1,iris:1",
        "irises:1,iris:2",
        "irises:1,iris:latest",
    ]


def test_whatever_is_wrong_offers_nothing(home, monkeypatch):
    monkeypatch.setenv("JUBAKO_SERVER__PORT", "none")
    assert offered(complete_models, "") == []
    monkeypatch.delenv("JUBAKO_SERVER__PORT")
    monkeypatch.setenv("JUBAKO_MODEL_STORE", "s3://bucket/models")
    assert offered(complete_models, "") == []
    monkeypatch.setenv("JUBAKO_MODEL_STORE", (home / "nowhere").as_uri())
    assert offered(complete_models, "") == []
