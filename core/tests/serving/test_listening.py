"""The listening socket."""

from __future__ import annotations

import socket

import pytest

from jubako.errors import CommandError
from jubako.serving.listening import address_of, open_listening_socket


def test_port_0_takes_a_free_port_and_the_address_says_which():
    with open_listening_socket("127.0.0.1", 0, 16) as listening:
        port = listening.getsockname()[1]
        assert address_of(listening) == f"http://127.0.0.1:{port}"
        socket.create_connection(("127.0.0.1", port)).close()


def test_an_address_of_ipv6_is_written_in_brackets():
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        listening = open_listening_socket("::1", 0, 16)
    except CommandError:
        pytest.skip("this machine has no loopback of IPv6")
    with listening:
        assert address_of(listening).startswith("http://[::1]:")


def test_a_port_that_is_taken_is_an_error_that_names_it():
    with open_listening_socket("127.0.0.1", 0, 16) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError) as caught:
            open_listening_socket("127.0.0.1", port, 16)
    assert str(caught.value) == (
        f"port {port} of 127.0.0.1 cannot be bound.\nAnother program listens there already.\n"
        "Do: stop the other program, or choose with --host and --port; port 0 takes one that is free"
    )


def test_a_port_can_be_taken_again_at_once():
    with open_listening_socket("127.0.0.1", 0, 16) as first:
        port = first.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        served, _ = first.accept() if first.getblocking() else accept(first)
        # The side that closes first keeps the port in TIME_WAIT.
        served.close()
        client.close()
    open_listening_socket("127.0.0.1", port, 16).close()


def accept(listening: socket.socket) -> tuple[socket.socket, object]:
    listening.settimeout(60)
    return listening.accept()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a..b", "1.2.3.4.5"])
def test_a_host_that_is_none_is_an_error_that_names_it(host):
    with pytest.raises(CommandError, match=f"the host '{host}' cannot be bound"):
        open_listening_socket(host, 0, 16)


def test_an_address_of_another_machine_is_an_error():
    with pytest.raises(CommandError, match="This machine has no such address"):
        open_listening_socket("192.0.2.1", 0, 16)
