"""What an environment may be made of, whoever wrote the Bento."""

from __future__ import annotations

import pytest

from jubako.errors import CommandError
from jubako.serving.environments.lines import check_lines

DIGEST = "sha256:" + "0" * 64

BUILT = f"""\
# Everything that the Bento needs; written by `jubako build`.
--no-index
--index-url https://pypi.example.org/simple
--extra-index-url http://10.0.0.1:8080/simple
--find-links ./wheels
--find-links https://pypi.example.org/wheels/
--trusted-host pypi.example.org:8080
--pre
--prefer-binary
--no-binary :all:
--only-binary=numpy,scipy
./wheels/jubako-0.1.0+g1-py3-none-any.whl[metrics,tls] \\
    --hash={DIGEST}
./wheels/torch-2.0-cp311-cp311-linux_x86_64.whl
attrs==26.1.0 ; python_version < "4" \\
    --hash={DIGEST} \\
    --hash={DIGEST}
httpx[http2]>=0.27
"""


def test_what_a_build_writes_is_taken():
    check_lines(BUILT, "requirements.lock.txt")


@pytest.mark.parametrize(
    "line",
    [
        "-r /etc/passwd",
        "-r../../../secret",
        "--requirement=more.txt",
        "-c constraints.txt",
        "-e /tmp/package",
        "--editable=.",
        ".",
        "./wheels/../../../src/evil-1.0-py3-none-any.whl",
        "./wheels/evil-1.0.tar.gz",
        "./evil-1.0-py3-none-any.whl",
        "/tmp/evil-1.0-py3-none-any.whl",
        "file:///tmp/evil-1.0-py3-none-any.whl",
        "https://example.org/evil-1.0-py3-none-any.whl",
        "evil @ file:///tmp/evil-1.0-py3-none-any.whl",
        "evil @ https://example.org/evil.whl",
        "git+https://example.org/evil.git",
        "--find-links /tmp",
        "--find-links ./wheels/../..",
        "--find-links file:///tmp",
        "--index-url file:///tmp",
        "--index-url https://example.org/${AWS_SECRET_ACCESS_KEY}/simple",
        "evil==${HOME}",
        "--config-settings=a=b",
        "attrs --global-option=x",
        "attrs==1 --hash=md5:0",
        f"attrs==1 --hash={DIGEST} -r /etc/passwd",
        "attrs==1 \\",
    ],
)
def test_what_leads_elsewhere_is_refused(line):
    with pytest.raises(CommandError) as caught:
        check_lines(f"--pre\n{line}\n", "requirements.lock.txt")
    assert "requirements.lock.txt is not as `jubako build` writes it." in caught.value.message
    assert caught.value.why
    assert caught.value.do.startswith("build the Bento again; or find out who changed it")
