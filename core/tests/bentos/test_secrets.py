"""Secrets in files that are to be packed."""

from __future__ import annotations

import pytest

import jubako.bentos
from jubako.bentos.secrets import MAX_SCANNED_BYTES, SecretScan, find_secret
from jubako.errors import BuildError

# In pieces: what looks for secrets in sources is not to find these.
BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n" * 2
BEGIN = "-----BEGIN " + "{}PRIVATE KEY-----\n"
SECRETS = {
    "key": (BEGIN.format("") + BODY, "a private key"),
    "rsa": (BEGIN.format("RSA ") + BODY, "a private key"),
    "openssh": (BEGIN.format("OPENSSH ") + BODY, "a private key"),
    "encrypted": (
        BEGIN.format("RSA ") + "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" + BODY,
        "a private key",
    ),
    "json": ((BEGIN.format("") + BODY).replace("\n", "\\n"), "a private key"),
    "dos": ((BEGIN.format("EC ") + BODY).replace("\n", "\r\n"), "a private key"),
    "pgp": ("-----BEGIN PGP " + "PRIVATE KEY BLOCK-----\n\n" + BODY, "a private key"),
    "aws": ("AKIA" + "Q7XJ2LKM5RTW8VZN", "an AWS access key"),
    "github": ("ghp_" + "a1B2" * 9, "a GitHub token"),
    "fine-grained": ("github_pat_" + "a1B2" * 20, "a GitHub token"),
    "gitlab": ("glpat-" + "a1B2" * 5, "a GitLab token"),
    "slack": ("xoxb-" + "123456789012-" * 2, "a Slack token"),
    "google": ("AIza" + "Sy1-_" * 7, "a Google API key"),
    "stripe": ("sk_live_" + "a1B2" * 6, "a Stripe key"),
    "pypi": ("pypi-" + "AgEIcHlwaS5vcmc" + "a1B2" * 20, "a PyPI token"),
    "hugging face": ("hf_" + "aB" * 17, "a Hugging Face token"),
}
HARMLESS = [
    "if '" + BEGIN.format("").strip() + "' in text: refuse()",
    "-----BEGIN CERTIFICATE-----\n" + BODY,
    "-----BEGIN PUBLIC KEY-----\n" + BODY,
    "AKIAIOSFODNN7EXAMPLE",
    "password = os.environ['PASSWORD']",
    "hf_hub_download, sk_live_, ghp_, AIza",
    "sha256:" + "0f" * 32,
    "",
]


@pytest.mark.parametrize(("text", "kind"), SECRETS.values(), ids=SECRETS)
def test_a_secret_is_found_wherever_it_stands(text, kind):
    for before, line in (("", 1), ("x = '", 1), ("\n\n", 3), ("é\r\n", 2)):
        assert find_secret(f"{before}{text}'\n".encode()) == f"{kind} in line {line}"


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_alike_is_none(text):
    assert find_secret(text.encode()) == ""


def test_looking_at_anything_is_quick():
    for text in (
        "PRIVATE KEY AKIA gh" * 10_000,
        "-----BEGIN " * 10_000,
        BEGIN.format("") + "a: " * 10_000,
        "AKIA" * 10_000,
    ):
        assert find_secret(text.encode()) == ""


def test_a_file_with_a_secret_ends_the_build_unless_it_is_let_in(context, packed):
    (context / "deep").mkdir()
    (context / "deep/settings.py").write_text(f"A = 1\nKEY = '{SECRETS['aws'][0]}'\n")
    with pytest.raises(BuildError) as caught:
        jubako.bentos.build("service:svc")
    assert caught.value.message == (
        "'deep/settings.py' of the build context is not packed: it seems to hold an AWS access key in line 2."
    )
    assert SECRETS["aws"][0] not in str(caught.value)
    assert caught.value.do == (
        "take it out, or exclude the file; if it is no secret, exclude '!deep/settings.py', which packs it as it is"
    )
    assert jubako.bentos.list() == []
    assert packed(jubako.bentos.build("service:svc", exclude=["deep/"])) == ["service.py"]
    let_in = jubako.bentos.build("service:svc", exclude=["!deep/settings.py"])
    assert packed(let_in) == ["deep/settings.py", "service.py"]


def test_a_large_file_is_looked_through_to_its_end(context, packed):
    content = b"\1" * MAX_SCANNED_BYTES + b"\n" + SECRETS["aws"][0].encode()
    (context / "data.bin").write_bytes(content)
    with pytest.raises(BuildError, match=r"'data\.bin' .* an AWS access key in line 2"):
        jubako.bentos.build("service:svc")
    bento = jubako.bentos.build("service:svc", exclude=["!data.bin"])
    assert packed(bento) == ["data.bin", "service.py"]
    assert (bento.source_path / "data.bin").read_bytes() == content


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le", "utf-32"])
@pytest.mark.parametrize(("text", "kind"), SECRETS.values(), ids=SECRETS)
def test_a_secret_is_found_in_wide_letters(text, kind, encoding):
    assert find_secret(f"x\n{text}'\n".encode(encoding)) == f"{kind} in line 2"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(("text", "kind"), SECRETS.values(), ids=SECRETS)
def test_a_secret_is_found_wherever_pieces_of_the_file_begin(text, kind, encoding):
    before = "first\n" * 3000
    content = f"{before}{text}'\n{before}".encode(encoding)
    start = len(before.encode(encoding))
    for cut in (start - 1, start, start + 1, start + 7, start + len(text.encode(encoding)) // 2, start + 60):
        scan = SecretScan()
        assert (scan.look(content[:cut]) or scan.look(content[cut:])) == f"{kind} in line 3001"


def test_every_piece_may_be_as_short_as_it_likes():
    scan = SecretScan()
    text = f"\n\n{SECRETS['github'][0]} "
    found = [scan.look(bytes([byte])) for byte in text.encode()]
    assert next(filter(None, found)) == "a GitHub token in line 3"
