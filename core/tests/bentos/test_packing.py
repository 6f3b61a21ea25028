"""Which models a Bento carries: those that the service asks for while it is imported, and those that are declared."""

from __future__ import annotations

import json
import os

import pytest

import jubako
from jubako.errors import NotFound
from jubako.settings import Settings, StoreSettings
from jubako.workspace import open_workspace, using_workspace
from tests.harness.served import Served

CUSTOM = """
import jubako
from jubako.io import JSON


class Offset(jubako.Runner):
    def __init__(self, tag):
        super().__init__("offset")
        self.model = jubako.models.get(tag)

    def _setup(self):
        self.offset = int(self.model.path_of("offset.txt").read_text())

    def _run_batch(self, numbers):
        return [number + self.offset for number in numbers]


class Factor(jubako.SimpleRunner):
    factor = int(jubako.models.get("factor").path_of("offset.txt").read_text())

    def _setup(self):
        pass

    def _run(self, number):
        return number * self.factor


offset, factor = Offset("offset:latest"), Factor()
svc = jubako.Service("custom", runners=[offset, factor])


@svc.api(input=JSON(), output=JSON())
def answer(number):
    return offset.run(number) + factor.run(number)
"""

IN_SETUP = """
import jubako
from jubako.io import JSON


class Late(jubako.SimpleRunner):
    def _setup(self):
        self.offset = int(jubako.models.get("offset").path_of("offset.txt").read_text())

    def _run(self, number):
        return number + self.offset


late = Late()
svc = jubako.Service("late", runners=[late])


@svc.api(input=JSON(), output=JSON())
def answer(number):
    return late.run(number)
"""


@pytest.fixture
def save(workspace):
    """Stores a model that is one number."""

    def save(name, number):
        with jubako.models.create(name) as draft:
            draft.path_of("offset.txt").write_text(str(number))
        return draft.tag

    return save


def packed_models(bento):
    return [str(model.tag) for model in bento.info.models]


def test_models_that_custom_runners_ask_for_are_packed_as_they_were_asked_for(context, save):
    save("offset", 1)
    offset, factor, _other = save("offset", 40), save("factor", 2), save("other", 3)
    (context / "service.py").write_text(CUSTOM)
    assert packed_models(jubako.build("service:svc")) == [str(factor), str(offset)]


def test_models_that_are_loaded_while_the_service_is_imported_are_packed(context, save):
    first, second = save("first", 1), save("second", 2)
    (context / "service.py").write_text(
        "import contextlib\nimport jubako\nsvc = jubako.Service('loading')\njubako.models.list()\n"
        "assert jubako.models.get('second').info\n"
        "with contextlib.suppress(jubako.exceptions.NotFound):\n    jubako.models.get('third')\n"
    )
    bento = jubako.build("service:svc")
    assert packed_models(bento) == [str(second)]
    assert packed_models(jubako.build("service:svc", additional_models=[first])) == [str(first), str(second)]


def test_models_that_are_declared_are_packed_beside_those_that_are_asked_for(context, save):
    declared, asked = save("declared", 1), save("asked", 2)
    (context / "service.py").write_text(
        "import jubako\nclass Declaring(jubako.SimpleRunner):\n    required_models = ['declared']\n"
        "    _setup = _run = lambda self: None\n"
        "    def __init__(self):\n        super().__init__()\n        self.model = jubako.models.get('asked')\n"
        "svc = jubako.Service('declaring', runners=[Declaring()])\n"
    )
    bento = jubako.build("service:svc")
    assert packed_models(bento) == [str(asked), str(declared)]
    assert bento.info.runners[0].models == (str(declared),)


def test_nothing_is_noted_after_a_build(context, save):
    save("offset", 1)
    (context / "service.py").write_text("import jubako\nsvc = jubako.Service('one')\n")
    jubako.models.get("offset")
    assert packed_models(jubako.build("service:svc")) == []


def test_a_model_that_only_set_up_asks_for_is_named_with_what_to_declare(context, save, tmp_path):
    save("offset", 40)
    (context / "service.py").write_text(IN_SETUP)
    bento = jubako.build("service:svc")
    assert packed_models(bento) == []
    with using_workspace(open_workspace(Settings(stores=StoreSettings(home=tmp_path / "other")))):
        service = jubako.load(bento.path)
        with (
            using_workspace(service.workspace),
            pytest.raises(NotFound, match="model offset is not in the Bento") as caught,
        ):
            service.runners["Late"].run(2)
    assert "required_models = ['offset'] of the runner that asks for it" in caught.value.do


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_bento_of_custom_runners_is_served_where_there_is_no_other_model(context, save, tmp_path):
    save("offset", 40), save("factor", 2)
    (context / "service.py").write_text(CUSTOM)
    bento = jubako.build("service:svc")
    (tmp_path / "elsewhere").mkdir()
    served = Served(tmp_path / "elsewhere", str(bento.path), "--backend", "process")
    try:
        served.wait_until_ready()
        assert served.post("/answer", "1", "application/json") == (200, json.dumps(43).encode())
        assert served.stop() == 0
    finally:
        served.close()
