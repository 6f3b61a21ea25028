from __future__ import annotations

import pytest

import jubako.bentos
from jubako.errors import InvalidArgument, InvalidManifest, ModelDigestMismatch, NotFound


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
    assert jubako.bentos.list("toy:other") == jubako.bentos.list("other:v1") == []
    with pytest.raises(NotFound, match=r"there is no Bento other\.\n.*It has toy"):
        jubako.bentos.list("other")


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
    assert f"{versions[:1]}" == "[Bento('toy:v1')]", "a list of Bentos is no page of manifests"
    assert len({*versions, jubako.bentos.get("toy:v1")}) == len(versions), "it can be a key"
    assert versions[0].creation_time.tzinfo is not None
    assert versions[0].digest.startswith("sha256:")


def damage(path, content):
    path.chmod(0o600)
    path.write_bytes(content)


def test_one_damaged_bento_does_not_hide_the_others(versions):
    damage(versions[0].path / "bento.yaml", b"[")
    with pytest.warns(UserWarning, match=r"Bento toy:v1 is left out: .*bento\.yaml"):
        assert [bento.tag for bento in jubako.bentos.list()] == [versions[1].tag]
    with pytest.raises(InvalidManifest):
        jubako.bentos.get("toy:v1")


def test_a_bento_whose_source_was_changed_is_not_imported(versions):
    source = versions[0].path / "src/service.py"
    damage(source, source.read_bytes().replace(b"return value", b"return Value"))
    versions[1].verify_sources()
    for target in ("toy:v1", str(versions[0].path)):
        with pytest.raises(ModelDigestMismatch, match=r"src/service\.py is damaged, or was changed"):
            jubako.load(target)


def test_a_bento_whose_manifest_was_changed_is_not_imported(versions):
    manifest = versions[0].path / "bento.yaml"
    damage(manifest, manifest.read_bytes().replace(b"labels: {}", b"labels: { }"))
    with pytest.raises(ModelDigestMismatch, match=r"bento\.yaml is damaged, or was changed"):
        jubako.load("toy:v1")


def test_files_that_a_service_has_written_beside_its_source_are_in_nobodys_way(versions):
    (versions[0].path / "src/written.log").write_text("1")
    assert jubako.load("toy:v1").name == "toy"


def test_a_whole_bento_is_verified(versions):
    done = jubako.bentos.verify("toy")
    assert (done.tag, done.files, done.faults) == (versions[1].tag, len(versions[1].info.files), ())
    damage(versions[1].path_of("README.md"), b"changed")
    with pytest.raises(ModelDigestMismatch, match=r"Bento toy:v2 is not as it was stored\.\nREADME\.md has 7 bytes"):
        jubako.bentos.verify("toy")
    with pytest.raises(NotFound):
        jubako.bentos.verify("toy:v3")
