"""Keys and tokens in a build context: by what they look like, in every encoding, and by the names of their files."""

from __future__ import annotations

import os
import resource

import pytest

from jubako.bentos.secrets import SecretScan

pytestmark = [pytest.mark.row("build-secrets"), pytest.mark.quick]

# In pieces: what looks for secrets in sources is not to find these.
BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n" * 2
BEGIN = "-----BEGIN " + "{}PRIVATE KEY-----\n"
TOKENS = {
    "private key": BEGIN.format("") + BODY,
    "OpenSSH key": BEGIN.format("OPENSSH ") + BODY,
    "AWS": "AKIA" + "Q7XJ2LKM5RTW8VZN",
    "GitHub": "ghp_" + "a1B2" * 9,
    "GitLab": "glpat-" + "a1B2" * 5,
    "Slack": "xoxb-" + "123456789012-" * 2,
    "Google": "AIza" + "Sy1-_" * 7,
    "Stripe": "sk_live_" + "a1B2" * 6,
    "PyPI": "pypi-" + "AgEIcHlwaS5vcmc" + "a1B2" * 20,
    "Hugging Face": "hf_" + "aB" * 17,
}
PLACES = {
    "text": lambda text: f"first\nKEY = '{text}'\n".encode(),
    "CRLF": lambda text: f"first\r\nKEY = '{text}'\r\n".encode(),
    "JSON": lambda text: ('{"key": "' + text.replace("\n", "\\n") + '"}').encode(),
    "notebook": lambda text: ('{"cells": [{"source": ["key = \'' + text.replace("\n", "\\n") + "'\"]}]}").encode(),
    "binary": lambda text: bytes(range(256)) * 40 + b"\xff" + text.encode() + b"\x00" + bytes(range(256)),
    "UTF-16": lambda text: f"first\n'{text}'\n".encode("utf-16"),
    "UTF-16 big end first": lambda text: f"first\n'{text}'\n".encode("utf-16-be"),
    "UTF-32": lambda text: f"first\n'{text}'\n".encode("utf-32"),
    "behind 3 MB": lambda text: b"some data\n" * 300_000 + text.encode(),
    "across 1 MiB": lambda text: b"x" * (1024 * 1024 - 8) + b"\n" + text.encode(),
}
PIECE_BYTES = 1024 * 1024
BY_NAME = (
    *(".env", ".env.production", "deploy/.env", ".netrc", ".pypirc", ".npmrc", ".git-credentials", ".htpasswd"),
    *(".git/config", ".aws/credentials", ".azure/token", ".config/gcloud/key", ".docker/config.json", ".gnupg/x"),
    *(".kube/config", ".ssh/id_rsa", "id_rsa", "id_ed25519.old", "tls.pem", "tls.key", "store.p12", "x.pfx", "x.jks"),
    *("credentials.json", "service-account-1.json", "x.kdbx", ".pgpass", "a/b/c/.ssh/config"),
)


@pytest.mark.parametrize(("place", "token"), list(zip(PLACES, TOKENS, strict=True)))
def test_a_secret_ends_the_build_and_is_not_repeated(context, place, token):
    secret = TOKENS[token]
    context.write("inner/settings.bin", PLACES[place](secret))
    text = context.refusal()
    assert "'inner/settings.bin' of the build context is not packed: it seems to hold" in text
    assert secret.splitlines()[-1][-12:] not in text


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("token", TOKENS)
def test_every_secret_is_found_in_every_place(figures, token, place):
    content = PLACES[place](TOKENS[token])
    scan = SecretScan()
    pieces = (content[start : start + PIECE_BYTES] for start in range(0, len(content), PIECE_BYTES))
    assert any(scan.look(piece) for piece in pieces)
    figures(secrets=f"{len(TOKENS)} kinds in {len(PLACES)} places: all found, none repeated in the message")


def test_files_that_are_secret_by_their_names_are_left_out(context, figures):
    for name in BY_NAME:
        context.write(name, "PASSWORD = 1\n")
    packed = [entry.path for entry in context.build().info.files if entry.path.startswith("src/")]
    assert packed == ["src/service.py"]
    figures(names=f"{len(BY_NAME)} files left out by their names")


def test_the_environment_is_never_copied_in(context, monkeypatch):
    monkeypatch.setenv("SERVICE_TOKEN", "a-value-of-the-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-value-of-the-environment")
    bento = context.build()
    for path in bento.path.rglob("*"):
        assert not path.is_file() or b"a-value-of-the-environment" not in path.read_bytes(), path


def test_a_description_that_holds_one_is_refused(context):
    context.write("about.md", f"# Use\n\n{TOKENS['GitHub']}\n")
    text = context.refusal(description="file: about.md", exclude=["about.md"])
    assert "the description 'file: about.md' cannot be read.\nIt seems to hold a GitHub token in line 3" in text


def test_random_bytes_hold_none(figures, length):
    mebibytes = int(length(4, 4096))
    scan = SecretScan()
    assert not any(scan.look(os.urandom(PIECE_BYTES)) for _ in range(mebibytes))
    figures(false_alarms=f"0 in {mebibytes:,} MiB of random bytes")


def test_a_large_file_is_looked_through_in_bounded_memory(context, figures, length):
    mebibytes = int(length(48, 2048))
    with (context.folder / "large.bin").open("wb") as file:
        file.truncate(mebibytes * PIECE_BYTES)
        file.seek(0, os.SEEK_END)
        file.write(TOKENS["AWS"].encode())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "'large.bin'" in context.refusal()
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mib < 32
    figures(large_file=f"found behind {mebibytes:,} MiB, memory +{grown_mib:.0f} MiB")
