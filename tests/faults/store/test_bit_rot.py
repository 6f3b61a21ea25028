"""One byte of each file of a version is changed: what loads it says which file."""

from __future__ import annotations

import re
import shutil
import warnings

import pytest

import jubako
import jubako.bentos
import jubako.models
from jubako.errors import JubakoError
from jubako.models import load_object, save_object
from jubako.stores.digests import verify_files
from tests.faults.store import homes


def positions(path, count):
    """Some bytes of a file: the first, the last, and others between."""
    size = path.stat().st_size
    return sorted({0, size - 1, *range(0, size, max(1, size // count))}) if size else []


def flip(path, position, mask):
    content = bytearray(path.read_bytes())
    content[position] ^= mask
    path.chmod(0o600)
    path.write_bytes(content)


def found_of(files, count, load):
    """Change byte after byte; how many were changed, and those that nobody noticed, or under another name."""
    changed, missed = 0, []
    for path in files:
        for position in positions(path, count):
            original = path.read_bytes()
            flip(path, position, (1, 0x20, 0x80, 0xFF)[position % 4])
            changed += 1
            try:
                load()
            except JubakoError as error:
                if path.name not in str(error):
                    missed.append((str(path), position, str(error)))
            else:
                missed.append((str(path), position))
            path.write_bytes(original)
    return changed, missed


def files_below(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.row("bit-rot")
@pytest.mark.quick
def test_a_changed_byte_of_a_model_is_refused_with_the_files_name(tmp_path, length, figures):
    with homes.using(tmp_path / "home"):
        save_object("iris", [1, 2], module="toy", serializers=("json",), custom_objects={"answer": "old"})
        tag = save_object("iris", {"a": [1, 2]}, module="toy", serializers=("json",), custom_objects={"answer": "new"})
        (record,) = (tmp_path / "home/.store/models/iris").glob(f"*-{tag.version}")
        files = [*files_below(jubako.models.get(tag).path), record]
        assert {path.suffix for path in files} >= {".yaml", ".json", ".pkl"}
        load = "iris"

        def load_all(wanted):
            load_object(wanted, module="toy")
            assert jubako.models.get(wanted).custom_objects == {"answer": "new"}

        total = 0
        for load in ("iris", tag):
            changed, missed = found_of(files, int(length(25, 100_000)), lambda load=load: load_all(load))
            assert missed == []
            total += changed
        load_all("iris")
    figures(**{"bytes of a model changed": total, "of them found": total})


@pytest.mark.row("bit-rot")
def test_a_changed_byte_of_a_bento_is_refused_with_the_files_name(tmp_path, length, figures):
    homes.make_home(tmp_path / "home", tmp_path / "context")
    with homes.using(tmp_path / "home"):
        bento = jubako.bentos.get("echo")
        (model,) = bento.info.models
        (record,) = (tmp_path / "home/.store/bentos/echo").iterdir()
        # What serving a Bento loads; its README and OpenAPI document are there for people.
        files = [
            bento.path / "bento.yaml",
            record,
            *files_below(bento.path / "src"),
            *files_below(bento.path / "models"),
        ]

        def load_all():
            service = jubako.load("echo")
            with homes.using(bento.path):
                packed = jubako.models.get(model.tag)
                verify_files(packed.path, packed.info.files)  # its custom objects too, which are not trusted there
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert service.name == "echo"

        load_all()
        changed, missed = found_of(files, int(length(20, 400)), load_all)
        assert missed == []
    figures(**{"bytes of a Bento changed": changed, "of them found": changed})


@pytest.mark.row("bit-rot")
@pytest.mark.quick
@pytest.mark.parametrize("what", ["missing", "longer", "a folder", "a link", "one more"])
def test_a_version_with_other_files_is_refused_with_the_files_name(what, tmp_path):
    with homes.using(tmp_path / "home"):
        tag = homes.save("old")
        path = jubako.models.get(tag).path / "weights.bin"
        if what == "one more":
            path = path.with_name("planted.bin")
            path.touch()
        elif what == "longer":
            path.chmod(0o600)
            path.write_bytes(path.read_bytes() + b"\0")
        else:
            moved = path.rename(tmp_path / "elsewhere")
            if what == "a link":
                path.symlink_to(moved)
            elif what == "a folder":
                path.mkdir()
        with pytest.raises(JubakoError, match=re.escape(path.name)):
            jubako.models.get(tag)
    shutil.rmtree(tmp_path / "home")
