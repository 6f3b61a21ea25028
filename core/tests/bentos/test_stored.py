from __future__ import annotations

import pytest

import jubako.bentos
from jubako.errors import InvalidArgument, NotFound


@pytest.fixture
def versions(context):
    """Bentos `toy:v1` and `toy:v2`, in this order."""
    return [jubako.bentos.build("service:svc", version=version) for version in ("v1", "v2")]


def test_a_bento_is_found_by_version_and_by_latest(versions):
    assert jubako.bentos.get("toy:v1").tag == versions[0].tag
    assert jubako.bentos.get("toy").tag == jubako.bentos.get("toy:latest").tag == versions[1].tag


def test_bentos_are_listed_by_name_and_version(versions):
    assert [str(bento.tag) for bento in jubako.bentos.list()] == ["toy:v1", "toy:v2"]
    assert [str(bento.tag) for bento in jubako.bentos.list("toy")] == ["toy:v1", "toy:v2"]
    assert [str(bento.tag) for bento in jubako.bentos.list("toy:v1")] == ["toy:v1"]
    assert [str(bento.tag) for bento in jubako.bentos.list("toy:latest")] == ["toy:v2"]
    assert jubako.bentos.list("other") == []


def test_a_version_is_deleted_alone_and_a_name_with_all_its_versions(versions):
    jubako.bentos.delete("toy:v2")
    assert jubako.bentos.get("toy").tag == versions[0].tag
    jubako.bentos.delete("toy")
    assert jubako.bentos.list() == []
    with pytest.raises(NotFound):
        jubako.bentos.delete("toy")


def test_what_is_not_there_is_not_found_with_near_matches(versions):
    with pytest.raises(NotFound, match="toy:v1"):
        jubako.bentos.get("toy:v11")


def test_paths_inside_a_bento_are_found_and_others_refused(versions):
    bento = versions[0]
    assert bento.path_of("src/service.py").is_file()
    assert bento.path_of("src").is_dir()
    for path in ("../v2", "/etc/passwd", "src/../../v2"):
        with pytest.raises(InvalidArgument):
            bento.path_of(path)
    with pytest.raises(NotFound):
        bento.path_of("src/absent.py")


def test_a_bento_reads_as_its_tag(versions):
    assert str(versions[0]) == "Bento('toy:v1')"
    assert versions[0].creation_time.tzinfo is not None
    assert versions[0].digest.startswith("sha256:")
