"""HTTP over TLS, with certificates that are made here, and what is said of files that cannot be used."""

from __future__ import annotations

import asyncio
import ssl

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from jubako.errors import ConfigurationError
from jubako.io import Text
from jubako.server.tls import open_tls_context
from jubako.services import Service
from jubako.settings import ServerSettings, SslSettings
from jubako.testing.http_server_tests import Applet

PATIENCE_S = 60.0
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def files(tmp_path_factory, authority):
    """Paths by name: a certificate and its key, apart, in one file, and encrypted; and what does not belong to them."""
    folder = tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert("localhost", "127.0.0.1")
    key_bytes = issued.private_key_pem.bytes()
    encrypted = serialization.load_pem_private_key(key_bytes, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(PASSWORD.encode()),
    )
    contents = {
        "certfile": b"".join(blob.bytes() for blob in issued.cert_chain_pems),
        "keyfile": key_bytes,
        "both": issued.private_key_and_cert_chain_pem.bytes(),
        "encrypted": encrypted,
        "other_keyfile": authority.issue_cert("elsewhere").private_key_pem.bytes(),
        "ca_certs": authority.cert_pem.bytes(),
        "text": b"This is a poem and no PEM.\n",
        "damaged": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: str(folder / name) for name in contents} | {"missing": str(folder / "missing"), "folder": str(folder)}


@pytest.fixture
def settings(files):
    """Settings of a server with a certificate; keyword arguments are keys of the `server` section."""

    def make(tls=None, **server):
        given = tls or {"certfile": files["certfile"], "keyfile": files["keyfile"]}
        return ServerSettings(ssl=SslSettings(**given), **server)

    return make


@pytest.fixture
def trusting(authority):
    """A client's context that trusts the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def client(context, **options):
    return httpx.AsyncClient(verify=context, timeout=PATIENCE_S, trust_env=False, **options)


@pytest.mark.parametrize(("http2", "version"), [(False, "HTTP/1.1"), (True, "HTTP/2")])
async def test_client_and_server_agree_on_a_protocol(serve_app, settings, trusting, http2, version):
    site = await serve_app(Applet(), settings())
    async with client(trusting, http2=http2) as asking:
        for _ in range(3):
            answer = await asking.post(f"https://localhost:{site.port}/echo", content=b"hello")
            assert (answer.status_code, answer.content, answer.http_version) == (200, b"hello", version)


async def test_a_client_that_names_no_protocol_speaks_http_1(serve_app, settings, trusting):
    site = await serve_app(Applet(), settings())
    reader, writer = await asyncio.open_connection("localhost", site.port, ssl=trusting, family=2)
    writer.write(b"POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi")
    assert (await asyncio.wait_for(reader.read(), PATIENCE_S)).endswith(b"\r\n\r\nhi")
    writer.close()


async def test_the_application_is_told_of_https(serve_app, settings, trusting):
    schemes = []

    async def app(scope, receive, send):
        if scope["type"] == "http":
            schemes.append(scope["scheme"])
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})

    site = await serve_app(app, settings())
    async with client(trusting) as asking:
        await asking.get(f"https://localhost:{site.port}/")
    assert schemes == ["https"]


@pytest.mark.parametrize("http2", [False, True])
async def test_large_bodies_pass_both_ways(serve_app, settings, trusting, http2):
    body = bytes(range(256)) * 8192
    site = await serve_app(Applet(), settings())
    async with client(trusting, http2=http2) as asking:
        answers = await asyncio.gather(
            *(asking.post(f"https://localhost:{site.port}/echo", content=body) for _ in range(4))
        )
    assert all(answer.content == body for answer in answers)


async def test_certificate_and_key_may_stand_in_one_file(serve_app, settings, trusting, files):
    site = await serve_app(Applet(), settings({"certfile": files["both"]}))
    async with client(trusting) as asking:
        assert (await asking.post(f"https://localhost:{site.port}/echo", content=b"x")).content == b"x"


async def test_an_encrypted_key_is_opened_with_its_password(serve_app, settings, trusting, files):
    tls = {"certfile": files["certfile"], "keyfile": files["encrypted"], "keyfile_password": PASSWORD}
    site = await serve_app(Applet(), settings(tls))
    async with client(trusting) as asking:
        assert (await asking.post(f"https://localhost:{site.port}/echo", content=b"x")).content == b"x"


async def test_a_client_that_speaks_no_tls_gets_nothing_and_others_are_served(serve_app, settings, trusting, caplog):
    site = await serve_app(Applet(), settings())
    answer = await site.send_raw(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
    assert b"HTTP/1.1" not in answer
    async with client(trusting) as asking:
        assert (await asking.post(f"https://localhost:{site.port}/echo", content=b"x")).content == b"x"
    assert caplog.text == ""


async def test_a_client_that_never_shakes_hands_is_cut_in_time_and_counted_before(serve_app, settings, trusting):
    site = await serve_app(Applet(), settings(header_timeout_s=2.0, keep_alive_s=3600, max_connections=1))
    silent_reader, silent_writer = await asyncio.open_connection("127.0.0.1", site.port)
    async with client(trusting) as asking:
        with pytest.raises(httpx.TransportError):
            await asking.get(f"https://localhost:{site.port}/echo")
    assert await asyncio.wait_for(silent_reader.read(), PATIENCE_S) == b""
    silent_writer.close()


async def test_a_request_in_flight_is_answered_when_the_server_stops(serve_app, settings, trusting):
    applet = Applet()
    site = await serve_app(applet, settings())
    async with client(trusting) as asking:
        waiting = asyncio.create_task(asking.get(f"https://localhost:{site.port}/slow"))
        await applet.noted("waiting")
        site.stop.set()
        applet.release.set()
        assert (await waiting).content == b"released"
    await site.ended()


async def test_a_refusal_reaches_a_client_that_still_sends(serve_service, trusting, settings):
    service = Service("small")

    @service.api(input=Text(), output=Text())
    async def read(text):
        return text

    site = await serve_service(service, ssl=settings().ssl, max_body_bytes=1000)

    async def endless():
        for _ in range(200):
            yield b"x" * 10_000
            await asyncio.sleep(0)

    async with client(trusting) as asking:
        headers = {"content-type": "text/plain"}
        answer = await asking.post(f"https://localhost:{site.port}/read", content=endless(), headers=headers)
    assert answer.status_code == 413


async def test_a_client_must_show_a_certificate_where_one_is_required(
    serve_app, settings, trusting, files, authority, caplog
):
    tls = {"certfile": files["both"], "ca_certs": files["ca_certs"], "cert_reqs": "required"}
    site = await serve_app(Applet(), settings(tls))
    async with client(trusting) as asking:
        with pytest.raises(httpx.TransportError):
            await asking.post(f"https://localhost:{site.port}/echo", content=b"x")
    authority.issue_cert("client@example.org").configure_cert(trusting)
    async with client(trusting) as asking:
        assert (await asking.post(f"https://localhost:{site.port}/echo", content=b"x")).content == b"x"
    assert caplog.text == ""


def test_without_a_certificate_there_is_no_tls():
    assert open_tls_context(SslSettings()) is None


UNUSABLE = [
    (
        {"certfile": "missing"},
        "the file {missing} cannot be read.\nNo such file or directory.\nDo: correct server.ssl.cert",
    ),
    ({"certfile": "folder"}, "the file {folder} cannot be read.\nIs a directory."),
    ({"certfile": "text"}, "the file {text} holds no certificate in PEM format."),
    ({"certfile": "keyfile"}, "the file {keyfile} holds no certificate in PEM format."),
    ({"certfile": "damaged", "keyfile": "keyfile"}, "the certificate in {damaged} cannot be used"),
    ({"certfile": "certfile"}, "the file {certfile} holds no private key in PEM format."),
    ({"certfile": "certfile", "keyfile": "missing"}, "the file {missing} cannot be read."),
    (
        {"certfile": "certfile", "keyfile": "other_keyfile"},
        "the private key in {other_keyfile} is not that of the cert",
    ),
    ({"certfile": "certfile", "keyfile": "encrypted"}, "It is encrypted, and no password is set."),
    ({"certfile": "certfile", "keyfile": "encrypted", "keyfile_password": "wrong horse"}, "The password is wrong"),
    ({"certfile": "both", "ca_certs": "missing", "cert_reqs": "required"}, "the file {missing} cannot be read."),
    ({"certfile": "both", "ca_certs": "damaged", "cert_reqs": "required"}, "the certificates in {damaged} cannot be"),
    ({"certfile": "both", "ca_certs": "ca_certs"}, "server.ssl.ca_certs is set, and server.ssl.cert_reqs is none."),
    ({"certfile": "both", "cert_reqs": "2"}, "server.ssl.cert_reqs is required, and server.ssl.ca_certs is not set."),
    ({"keyfile": "keyfile"}, "server.ssl.keyfile is set, and server.ssl.certfile is not."),
    ({"certfile": "both", "ciphers": "rot13"}, "server.ssl.ciphers cannot be 'rot13'."),
]


@pytest.mark.parametrize(("given", "message"), UNUSABLE)
def test_what_cannot_be_used_is_named(files, given, message):
    with pytest.raises(ConfigurationError) as caught:
        open_tls_context(SslSettings(**{key: files.get(value, value) for key, value in given.items()}))
    assert message.format_map(files) in str(caught.value)
    assert "horse" not in str(caught.value)
    assert "Do: " in str(caught.value)


async def test_a_server_with_a_wrong_file_starts_no_application(serve_app, files):
    applet = Applet()
    with pytest.raises(ConfigurationError):
        await serve_app(applet, ServerSettings(ssl=SslSettings(certfile=files["missing"])))
    assert applet.notes == []


def test_the_oldest_protocol_is_tls_1_2(files):
    context = open_tls_context(SslSettings(certfile=files["both"]))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_the_password_is_never_shown():
    assert "horse" not in repr(ServerSettings(ssl=SslSettings(certfile="x", keyfile_password=PASSWORD)))
