from __future__ import annotations

import json

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.peer_settings import REPOSITORY, name_peers, read_peer
from benchmarks.workloads import WORKLOADS


@pytest.mark.parametrize("name", name_peers())
def test_every_peer_can_be_read_and_asked(name):
    peer = read_peer(name)

    for configuration in peer.configurations:
        wanted = "$connections" if configuration.in_process else "$port"
        assert any(wanted in word for word in configuration.command)
        for workload, endpoint in configuration.workloads.items():
            for question in WORKLOADS[workload].questions:
                assert json.loads(endpoint.fill(question.row))
                assert endpoint.path.startswith("/")


def test_jubako_is_installed_from_this_repository():
    assert str(REPOSITORY / "core") in read_peer("jubako").requirements


def test_an_unknown_peer_is_an_error_that_names_the_known_ones():
    with pytest.raises(BenchmarkError, match=r"no peer is named 'bento'.*bentoml14, jubako"):
        read_peer("bento")


def test_an_unknown_configuration_is_an_error_that_names_the_known_ones():
    with pytest.raises(BenchmarkError, match=r"jubako has no configuration 'jubako-cluster'.*jubako-inline"):
        read_peer("jubako").choose(["jubako-cluster"])


def test_chosen_configurations_keep_the_order_of_the_file():
    chosen = read_peer("jubako").choose(["jubako-process", "jubako-inline"])

    assert [configuration.name for configuration in chosen] == ["jubako-inline", "jubako-process"]


def test_what_is_no_server_is_not_chosen_by_its_name():
    assert any(configuration.in_process for configuration in read_peer("jubako").configurations)
    with pytest.raises(BenchmarkError, match=r"choose of jubako-inline, jubako-process, jubako-process-2\."):
        read_peer("jubako").choose(["raw"])


def test_a_configuration_may_take_part_in_some_workloads_only(tmp_path):
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "peer.toml").write_text(
        """
        requirements = []
        reported = []
        workloads.W1 = {path = "/a", body = "$row"}
        workloads.W2 = {path = "/b", body = "$row", service = "b"}
        configurations.all = {command = ["run"]}
        configurations.one = {command = ["run"], workloads = ["W2"]}
        """
    )

    peer = read_peer("some", tmp_path)

    assert {each.name: list(each.workloads) for each in peer.configurations} == {"all": ["W1", "W2"], "one": ["W2"]}
    assert peer.configurations[1].workloads["W2"].values == {"service": "b"}


@pytest.mark.parametrize("text", ["requirements = ", "requirements = []", "reported = 1"])
def test_a_file_that_is_not_a_peers_is_an_error_that_names_it(tmp_path, text):
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "peer.toml").write_text(text)

    with pytest.raises(BenchmarkError, match=r"torn/peer\.toml is not a peer's file"):
        read_peer("torn", tmp_path)
