from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from jubako.errors import InvalidArgument, StoreError
from jubako.stores.sequence import Facts, Sequence
from jubako.stores.trust import TrustStore

DIGEST = "sha256:" + "0a" * 32
OTHER = "sha256:" + "1b" * 32


def test_nothing_is_trusted_at_first_and_asking_creates_nothing(tmp_path):
    assert not TrustStore(tmp_path).is_trusted(DIGEST)
    assert list(tmp_path.iterdir()) == []


def test_a_digest_is_trusted_from_then_on_by_every_process(tmp_path):
    assert TrustStore(tmp_path / "home").trust(DIGEST, "iris:v1 saved") is True
    again = TrustStore(tmp_path / "home")
    assert again.is_trusted(DIGEST)
    assert not again.is_trusted(OTHER)
    assert again.trust(DIGEST, "again") is False
    assert (tmp_path / "home/.store/trust").read_text() == f"{DIGEST} iris:v1 saved\n"


def test_the_settings_add_digests_for_this_process_only(tmp_path):
    assert TrustStore(tmp_path, [OTHER]).is_trusted(OTHER)
    assert not TrustStore(tmp_path).is_trusted(OTHER)


@pytest.mark.parametrize("digest", ["", DIGEST[:-1], DIGEST + "0", DIGEST.upper(), DIGEST + "\n", "0a" * 32, None])
def test_what_is_no_digest_is_refused(digest, tmp_path):
    with pytest.raises(InvalidArgument, match="is no digest"):
        TrustStore(tmp_path).trust(digest, "note")
    with pytest.raises(InvalidArgument, match="is no digest"):
        TrustStore(tmp_path, [digest])
    assert not TrustStore(tmp_path).is_trusted(digest)


def test_a_note_cannot_add_a_line(tmp_path):
    TrustStore(tmp_path).trust(DIGEST, f"a note\n{OTHER}")
    assert not TrustStore(tmp_path).is_trusted(OTHER)


def test_a_line_cut_short_trusts_nothing_and_spoils_no_other(tmp_path):
    trust = TrustStore(tmp_path)
    trust.trust(DIGEST, "whole")
    with (tmp_path / ".store/trust").open("a") as file:
        file.write(OTHER[:40])
    trust.trust(OTHER, "whole")
    assert trust.is_trusted(DIGEST)
    assert trust.is_trusted(OTHER)
    with (tmp_path / ".store/trust").open("a") as file:
        file.write(f"# {DIGEST[:-1]}f\n{DIGEST[:-1]}f9 longer\n")
    assert not trust.is_trusted(DIGEST[:-1] + "f")


def test_many_writers_lose_no_line(tmp_path):
    digests = [f"sha256:{number:064x}" for number in range(64)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda digest: TrustStore(tmp_path).trust(digest, "note"), digests))
    assert all(TrustStore(tmp_path).is_trusted(digest) for digest in digests)


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_only_its_owner_can_read_or_write_the_file(tmp_path):
    TrustStore(tmp_path).trust(DIGEST, "note")
    assert stat.S_IMODE((tmp_path / ".store/trust").stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_not_used(mode, tmp_path):
    TrustStore(tmp_path).trust(DIGEST, "note")
    (tmp_path / ".store/trust").chmod(mode)
    with pytest.raises(StoreError, match=r"(?s)trust is not used.*Others than you.*chmod 600"):
        TrustStore(tmp_path).is_trusted(DIGEST)


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path):
    (tmp_path / "planted").write_text(DIGEST + "\n")
    (tmp_path / ".store").mkdir()
    (tmp_path / ".store/trust").symlink_to(tmp_path / "planted")
    with pytest.raises(StoreError, match="cannot be read"):
        TrustStore(tmp_path).is_trusted(DIGEST)


@pytest.mark.skipif(os.name != "posix", reason="hard links and pipes are POSIX's")
def test_another_file_linked_into_its_place_is_not_used(tmp_path):
    (tmp_path / ".store").mkdir()
    (tmp_path / "my-own.log").write_text(f"{DIGEST} is what somebody asked for\n")
    (tmp_path / "my-own.log").chmod(0o600)
    (tmp_path / ".store/trust").hardlink_to(tmp_path / "my-own.log")
    with pytest.raises(StoreError, match=r"(?s)trust is not used.*no file of its own.*rm "):
        TrustStore(tmp_path).is_trusted(DIGEST)


@pytest.mark.skipif(os.name != "posix", reason="hard links and pipes are POSIX's")
def test_a_pipe_in_its_place_is_not_waited_for(tmp_path):
    (tmp_path / ".store").mkdir()
    os.mkfifo(tmp_path / ".store/trust", 0o600)
    with pytest.raises(StoreError, match="no file of its own"):
        TrustStore(tmp_path).is_trusted(DIGEST)


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_file_that_others_could_have_put_there_is_not_used(mode, tmp_path):
    TrustStore(tmp_path).trust(DIGEST, "note")
    (tmp_path / ".store").chmod(mode)
    with pytest.raises(StoreError, match=r"(?s)trust is not used.*Others than you can write to.*chmod go-w"):
        TrustStore(tmp_path).is_trusted(DIGEST)


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_a_link_to_its_folder_is_as_good_as_the_home_that_it_is_in(tmp_path):
    home = tmp_path / "home"
    TrustStore(tmp_path / "elsewhere").trust(DIGEST, "note")
    home.mkdir()
    (home / ".store").symlink_to(tmp_path / "elsewhere/.store")
    assert TrustStore(home).is_trusted(DIGEST)
    home.chmod(0o777)
    with pytest.raises(StoreError, match=r"(?s)trust is not used.*can write to .*/home,"):
        TrustStore(home).is_trusted(DIGEST)


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
@pytest.mark.parametrize("is_first", [True, False])
def test_its_folder_is_the_owners_whatever_the_umask(is_first, tmp_path):
    before = os.umask(0o002)
    try:
        if not is_first:
            facts = Facts("saved", "0a" * 32, f".draft-{'0' * 40}")
            Sequence(tmp_path / ".store/models").write("iris", "v1", facts, is_numbered=True)
        TrustStore(tmp_path).trust(DIGEST, "note")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / ".store").stat().st_mode) == 0o755
    assert TrustStore(tmp_path).is_trusted(DIGEST)


def test_trust_that_is_taken_back_is_gone_for_every_process_and_nothing_else_is(tmp_path):
    store = TrustStore(tmp_path, [OTHER])
    store.trust(DIGEST, "iris:v1 saved")
    store.trust(OTHER, "scaler:v1 saved")
    assert store.distrust(DIGEST) is True
    assert not TrustStore(tmp_path).is_trusted(DIGEST)
    assert store.distrust(DIGEST) is False
    # What was written over stays readable for people.
    lines = (tmp_path / ".store/trust").read_text().splitlines()
    assert lines == [f"#sha256{DIGEST[7:]} iris:v1 saved", f"{OTHER} scaler:v1 saved"]
    assert store.distrust(OTHER) is True
    assert store.is_trusted(OTHER), "the settings have it still"
    assert store.trust(DIGEST, "again") is True
    assert store.is_trusted(DIGEST)


def test_every_line_of_a_digest_is_taken_back(tmp_path):
    store = TrustStore(tmp_path)
    store.trust(DIGEST, "first")
    path = tmp_path / ".store/trust"
    path.write_text(f"{DIGEST}\n{DIGEST}0 cut\n{path.read_text()}cut short {DIGEST}")
    assert store.distrust(DIGEST) is True
    assert not store.is_trusted(DIGEST)
    assert f"{DIGEST}0 cut\n" in path.read_text()
    assert f"cut short {DIGEST}" in path.read_text()


def test_what_is_trusted_is_listed_in_the_order_of_the_file_and_then_of_the_settings(tmp_path):
    store = TrustStore(tmp_path, [DIGEST])
    assert [entry.is_setting for entry in store.entries()] == [True]
    store.trust(OTHER, "scaler:v1  saved\n")
    store.trust(DIGEST, "")
    assert [(entry.digest, entry.note, entry.is_setting) for entry in store.entries()] == [
        (OTHER, "scaler:v1 saved", False),
        (DIGEST, "", False),
        (DIGEST, "", True),
    ]


def test_taking_trust_back_loses_nothing_that_others_write_meanwhile(tmp_path):
    digests = [f"sha256:{number:064x}" for number in range(60)]
    for digest in digests[:20]:
        TrustStore(tmp_path).trust(digest, "old")
    with ThreadPoolExecutor(8) as pool:
        added = [pool.submit(TrustStore(tmp_path).trust, digest, "new") for digest in digests[20:]]
        taken = [pool.submit(TrustStore(tmp_path).distrust, digest) for digest in digests[:20]]
        assert all(future.result() for future in added + taken)
    assert {entry.digest for entry in TrustStore(tmp_path).entries()} == set(digests[20:])


def test_trust_cannot_be_taken_back_in_a_file_that_others_can_write(tmp_path):
    store = TrustStore(tmp_path)
    store.trust(DIGEST, "")
    store.path.chmod(0o666)
    with pytest.raises(StoreError, match="is not used"):
        store.distrust(DIGEST)
    with pytest.raises(InvalidArgument, match="is no digest"):
        store.distrust("iris")
