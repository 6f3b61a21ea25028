from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.processes import find_tree
from benchmarks.servers import serving
from benchmarks.workloads import WORKLOADS

W1 = WORKLOADS["W1"]


def test_a_server_answers_inside_the_block_and_is_gone_after_it(make_peer, environment, tmp_path):
    peer = make_peer()

    with serving(peer, peer.configurations[0], environment, W1, tmp_path / "log") as server:
        server.check_answers(W1)
        address = ("127.0.0.1", urlsplit(server.url).port)

    assert server.ready_s > 0
    assert find_tree(server.pid) == ()
    assert not (tmp_path / "log").exists()
    with socket.socket() as probe:
        assert probe.connect_ex(address) != 0


def test_a_server_is_stopped_when_the_block_fails(make_peer, environment, tmp_path):
    peer = make_peer()

    with (
        pytest.raises(KeyboardInterrupt),
        serving(peer, peer.configurations[0], environment, W1, tmp_path / "log") as server,
    ):
        raise KeyboardInterrupt

    assert find_tree(server.pid) == ()


def test_a_server_that_answers_wrongly_is_not_measured(make_peer, environment, tmp_path):
    peer = make_peer(argument="1")

    with (
        pytest.raises(BenchmarkError, match="a wrong answer"),
        serving(peer, peer.configurations[0], environment, W1, tmp_path / "log"),
    ):
        pytest.fail("it was taken for ready")


def test_a_server_that_ends_at_once_is_an_error_that_quotes_its_log(make_peer, environment, tmp_path):
    peer = make_peer(program="raise SystemExit('no such model')")

    with (
        pytest.raises(BenchmarkError, match="it ended before it was ready:\nno such model"),
        serving(peer, peer.configurations[0], environment, W1, tmp_path / "log"),
    ):
        pytest.fail("it was taken for ready")
