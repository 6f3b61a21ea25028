"""What was put into a stored Bento behind Jubako's back does not run."""

from __future__ import annotations

import importlib.util
import marshal
import struct
from pathlib import Path

import pytest

import jubako
import jubako.bentos
from jubako.errors import ModelDigestMismatch

LOUD = "raise SystemExit('what was planted has run')\n"


@pytest.fixture
def bento(workspace, tmp_path, write_service):
    """A stored Bento named `toy`, with a package beside its service."""
    write_service(tmp_path / "built" / "inside.py", before="import helpers.words\n")
    (tmp_path / "built" / "helpers").mkdir()
    (tmp_path / "built" / "helpers" / "words.py").write_text("")
    return jubako.bentos.build("inside:svc", build_ctx=tmp_path / "built", version="v1")


def test_bytecode_planted_beside_a_checked_source_does_not_run(bento):
    source = bento.path / "src" / "inside.py"
    status = source.stat()
    # As the import system wants it: it believes the time and the size that stand in the bytecode.
    head = importlib.util.MAGIC_NUMBER + struct.pack("<III", 0, int(status.st_mtime), status.st_size)
    cached = bento.path / "src" / "__pycache__" / Path(importlib.util.cache_from_source(str(source))).name
    cached.parent.mkdir()
    cached.write_bytes(head + marshal.dumps(compile(LOUD, str(source), "exec")))
    with pytest.raises(ModelDigestMismatch, match=r"inside\.[\w-]+\.pyc does not belong there"):
        jubako.load("toy:v1")
    cached.unlink()
    assert jubako.load("toy:v1").tag == bento.tag


@pytest.mark.parametrize("name", ["json.py", "helpers/__init__.py", "numpy.abi3.so", "helpers/words.pyc"])
def test_a_module_planted_among_the_sources_is_refused(bento, name):
    (bento.path / "src" / name).write_text(LOUD)
    with pytest.raises(ModelDigestMismatch) as caught:
        jubako.load("toy:v1")
    assert caught.value.message == f"{bento.path / 'src' / name} does not belong there."
    assert caught.value.why == "The Bento's manifest does not list it, and it could run in the place of what was built."
    assert caught.value.do.startswith("find out who put it there, and remove it")


def test_a_link_planted_among_the_sources_is_refused(bento, tmp_path):
    (tmp_path / "json").mkdir()
    (bento.path / "src" / "json").symlink_to(tmp_path / "json")
    with pytest.raises(ModelDigestMismatch, match="json does not belong there"):
        jubako.load(str(bento.path))


def test_a_model_planted_beside_those_of_a_bento_is_refused(bento):
    place = bento.path / "models" / "iris" / "v9"
    place.mkdir(parents=True)
    (place / "model.yaml").write_text("")
    with pytest.raises(ModelDigestMismatch, match=r"model\.yaml does not belong there"):
        jubako.load("toy:v1")


def test_what_a_service_writes_beside_its_sources_is_left_alone(bento):
    (bento.path / "src" / "requests.log").write_text("")
    (bento.path / "src" / "empty").mkdir()
    assert jubako.load("toy:v1").tag == bento.tag
