from __future__ import annotations

import pytest

import jubako.bentos
from jubako.errors import BuildError, InvalidArgument

FULL = """
service: service.py:svc
description: "# From a file"
labels:
  team: a
include: ["*.py"]
exclude:
- tests/
additional_models: []
"""


def test_a_bentofile_holds_the_options_of_a_build(context, packed):
    (context / "bentofile.yaml").write_text(FULL)
    bento = jubako.bentos.build_bentofile(version="v1")
    assert str(bento.tag) == "toy:v1"
    assert bento.doc == "# From a file"
    assert bento.info.labels == {"team": "a"}
    assert packed(bento) == ["service.py"]


def test_a_bentofile_is_looked_for_as_given_and_then_in_the_context(context, tmp_path, monkeypatch):
    (context / "inner.yaml").write_text("service: service:svc\n")
    monkeypatch.chdir(tmp_path)
    assert jubako.bentos.build_bentofile("inner.yaml", build_ctx=context).tag.name == "toy"
    assert jubako.bentos.build_bentofile(context / "inner.yaml", build_ctx=context).tag.name == "toy"
    with pytest.raises(InvalidArgument, match=r"absent\.yaml"):
        jubako.bentos.build_bentofile("absent.yaml", build_ctx=context)


def test_build_does_not_read_a_bentofile(context):
    (context / "bentofile.yaml").write_text("nonsense: [")
    assert jubako.bentos.build("service:svc").tag.name == "toy"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("servce: service:svc\n", "'service'"),
        ("service: service:svc\nlabel: {}\n", "'labels'"),
        ("labels: {}\n", "'service' is missing"),
        ("service: service:svc\nlabels: {a: 1}\n", "expected text"),
        ("service: service:svc\ninclude: '*.py'\n", "list"),
        ("service: service:svc\nservice: other:svc\n", "service"),
        ("service: !!python/object:os.system x\n", "tag"),
        ("- a\n", "list"),
        ("service: [\n", "line"),
        ("", "nothing"),
    ],
)
def test_mistakes_in_a_bentofile_are_named(context, text, words):
    (context / "bentofile.yaml").write_text(text)
    with pytest.raises(BuildError) as caught:
        jubako.bentos.build_bentofile()
    assert words in str(caught.value)
    assert "bentofile.yaml" in str(caught.value)
