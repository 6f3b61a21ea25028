"""TLS: the context that the settings ask for, with errors that say which file is wrong, and how a connection begins."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import attrs

from jubako.errors import ConfigurationError
from jubako.settings import SslSettings

# RFC 7301; in the order in which they are preferred.
_PROTOCOLS = ["h2", "http/1.1"]

_VERIFY = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def open_tls_context(settings: SslSettings) -> ssl.SSLContext | None:
    """Read certificate and key, and offer HTTP/2 and HTTP/1.1 over TLS 1.2 and newer; None if no certificate is set.

    Raises:
        ConfigurationError: a file is missing or holds something else, the key is not the certificate's, its password is
            missing or wrong, or settings contradict each other. No message holds the password.
    """
    _check_settings(settings)
    if not settings.certfile:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(_PROTOCOLS)
    _load_certificate(context, settings)
    if settings.ca_certs:
        _load_authorities(context, settings.ca_certs)
        context.verify_mode = _VERIFY[settings.cert_reqs]
    if settings.ciphers:
        try:
            context.set_ciphers(settings.ciphers)
        except ssl.SSLError as error:
            raise ConfigurationError(
                f"server.ssl.ciphers cannot be {settings.ciphers!r}.",
                why="OpenSSL knows none of them.",
                do="name ciphers as `openssl ciphers` does, or leave the setting out",
            ) from error
    return context


async def begin_tls(
    writer: asyncio.StreamWriter, context: ssl.SSLContext, timeout_s: float, goodbye_s: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Shake hands as the server on a connection that was accepted just now, before anything is awaited of it.

    Args:
        writer: of the plain connection; keep it for as long as the connection, which it closes when it is collected.
        context: by `open_tls_context`.
        timeout_s: for the client to do its part.
        goodbye_s: for the client to read what was sent and to say goodbye, once the connection is closed.

    Raises:
        OSError: the client speaks no TLS, refuses what is offered, is too slow, or gone.
    """
    # Not StreamWriter.start_tls: after it, the reader still pauses and resumes the plain transport.
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport = await loop.start_tls(
        writer.transport,
        protocol,
        context,
        server_side=True,
        ssl_handshake_timeout=timeout_s,
        ssl_shutdown_timeout=goodbye_s,
    )
    if transport is None:  # the client left meanwhile
        raise ConnectionResetError
    protocol.connection_made(transport)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def _check_settings(settings: SslSettings) -> None:
    if not settings.certfile:
        others = [field.name for field in attrs.fields(SslSettings) if getattr(settings, field.name) != field.default]
        if others:
            raise ConfigurationError(
                f"server.ssl.{others[0]} is set, and server.ssl.certfile is not.",
                why="Without a certificate there is no TLS, and HTTP would be served in the clear.",
                do="set server.ssl.certfile (--ssl-certfile), or take the others back",
            )
    elif settings.ca_certs and settings.cert_reqs == "none":
        raise ConfigurationError(
            "server.ssl.ca_certs is set, and server.ssl.cert_reqs is none.",
            why="Clients would not be asked for the certificates that these authorities sign.",
            do="set server.ssl.cert_reqs to required or optional (--ssl-cert-reqs), or take ca_certs back",
        )
    elif settings.cert_reqs != "none" and not settings.ca_certs:
        raise ConfigurationError(
            f"server.ssl.cert_reqs is {settings.cert_reqs}, and server.ssl.ca_certs is not set.",
            why="No client's certificate could be checked.",
            do="set server.ssl.ca_certs (--ssl-ca-certs) to the authorities that sign them",
        )


def _load_certificate(context: ssl.SSLContext, settings: SslSettings) -> None:
    _read(settings.certfile, "certfile", b"CERTIFICATE-----", "certificate")
    keyfile = settings.keyfile or settings.certfile
    key = _read(keyfile, "keyfile", b"PRIVATE KEY-----", "private key")
    is_encrypted = b"ENCRYPTED" in key
    if is_encrypted and not settings.keyfile_password:
        raise ConfigurationError(
            f"the private key in {keyfile} cannot be read.",
            why="It is encrypted, and no password is set.",
            do="set JUBAKO_SERVER__SSL__KEYFILE_PASSWORD, or server.ssl.keyfile_password",
        )
    try:
        # A password that is None would make OpenSSL ask for it on the terminal.
        context.load_cert_chain(settings.certfile, keyfile, settings.keyfile_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigurationError(
                f"the private key in {keyfile} is not that of the certificate in {settings.certfile}.",
                do="give the key that the certificate was made for (server.ssl.keyfile)",
            ) from error
        if is_encrypted:
            raise ConfigurationError(
                f"the private key in {keyfile} cannot be read.",
                why="The password is wrong, or the file is damaged.",
                do="correct JUBAKO_SERVER__SSL__KEYFILE_PASSWORD, or server.ssl.keyfile_password",
            ) from error
        raise ConfigurationError(
            f"the certificate in {settings.certfile} cannot be used with the key in {keyfile}.",
            why=f"OpenSSL says: {error.reason or error}.",
            do="check both files with `openssl x509 -text` and `openssl pkey -check`",
        ) from error


def _load_authorities(context: ssl.SSLContext, path: str) -> None:
    _read(path, "ca_certs", b"CERTIFICATE-----", "certificate")
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise ConfigurationError(
            f"the certificates in {path} cannot be used.",
            why=f"OpenSSL says: {error.reason or error}.",
            do="correct server.ssl.ca_certs (--ssl-ca-certs)",
        ) from error


def _read(path: str, key: str, mark: bytes, what: str) -> bytes:
    do = f"correct server.ssl.{key} (--ssl-{key.replace('_', '-')})"
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"the file {path} cannot be read.", why=f"{error.strerror}.", do=do) from error
    if mark not in content:
        raise ConfigurationError(f"the file {path} holds no {what} in PEM format.", do=do)
    return content
