from __future__ import annotations

import re
import warnings
from importlib.metadata import version

import hypothesis
import pytest
from hypothesis import strategies as st
from packaging.requirements import Requirement

from jubako.bentos.requirements import MAX_FILE_BYTES, Asked, parse_requirement, read_requirements_file
from jubako.bentos.requirements_asked import combine
from jubako.bentos.requirements_installed import follow
from jubako.bentos.wheels_given import read_given
from jubako.errors import BuildError, InvalidArgument, JubakoError

HASH = f"sha256:{'a' * 64}"


def read(folder, text, **others):
    for name, content in {"requirements.txt": text, **others}.items():
        (folder / name).write_text(content)
    return read_requirements_file(folder, "requirements.txt")


def test_a_file_is_read_with_the_files_that_it_includes(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "base.txt").write_text("attrs\n-r ./other.txt\n")
    (tmp_path / "more" / "other.txt").write_text("idna\n")
    text = "# ours\nclick>=8 # the newest\n\n-r more/base.txt\nhttpx[http2] \\\n  ; python_version >= '3.11'\n"
    found = read(tmp_path, text)
    assert [str(each.requirement) for each in found] == [
        "click>=8",
        "attrs",
        "idna",
        'httpx[http2]; python_version >= "3.11"',
    ]
    assert [each.by for each in found] == [
        "requirements.txt, line 2",
        "more/base.txt, line 1",
        "more/other.txt, line 1",
        "requirements.txt, line 5",
    ]


def test_hashes_are_kept(tmp_path):
    other = f"sha256:{'b' * 64}"
    (found,) = read(tmp_path, f"click==8.2 \\\n    --hash={HASH} \\\n    --hash={other}\n")
    assert found.hashes == {HASH, other}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("click\n-r /etc/passwd\n", r"requirements\.txt, line 2 .*build context"),
        ("-r ~/.netrc\n", "build context"),
        ("-r ../other.txt\n", "build context"),
        ("--requirement=$HOME/x\n", "build context"),
        ("-r requirements.txt\n", "includes itself"),
        ("-r absent.txt\n", r"python\.requirements_txt cannot be 'absent\.txt'.*No such file"),
        ("-r link.txt\n", r"python\.requirements_txt.*leads out"),
        ("-c constraints.txt\n", "Only requirements"),
        ("-e .\n", "Only requirements"),
        ("--index-url https://evil.example\n", "Only requirements"),
        ("click --index-url https://evil.example\n", "line 1"),
        ("click --hash=md5:1\n", "no sha256"),
        ("click @ file:///etc/passwd\n", r"requirements\.txt, line 1 .*from a URL"),
        ("https://evil.example/click.whl\n", "line 1"),
        ("./click.whl\n", "line 1"),
        ("click \\", "middle of a line"),
        ("${CLICK}\n", "no variables"),
    ],
)
def test_what_is_no_requirement_is_named_with_its_line(tmp_path, text, words):
    (tmp_path / "link.txt").symlink_to("/etc/passwd")
    with pytest.raises(JubakoError, match=f"(?s){words}"):
        read(tmp_path, text)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "requirements.txt").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    with pytest.raises(BuildError, match=f"more than {MAX_FILE_BYTES >> 20} MiB"):
        read_requirements_file(tmp_path, "requirements.txt")
    (tmp_path / "requirements.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BuildError, match="not text in UTF-8"):
        read_requirements_file(tmp_path, "requirements.txt")


def test_files_that_include_each_other_too_deeply_are_refused(tmp_path):
    for number in range(20):
        (tmp_path / f"{number}.txt").write_text(f"-r {number + 1}.txt\n")
    with pytest.raises(BuildError, match="too many files"):
        read_requirements_file(tmp_path, "0.txt")


WORDS = "click a.b [x] ==1 >=2 ; python_version platform_version ' \" -r --hash= / $ ${HOME} # @ file:///x - , ( ) é \\"
PIECES = (*WORDS.split(), " ", "\n", "\r", "\u2028", "\x85", "\x0b")


@hypothesis.given(st.lists(st.sampled_from(PIECES), max_size=10).map("".join))
@hypothesis.example('click; platform_version == "1"')
def test_what_is_taken_for_a_requirement_is_one_line_and_nothing_else(text):
    try:
        requirement = parse_requirement(text, "python.packages")
    except InvalidArgument:
        return
    line = str(requirement)
    assert line.isascii()
    assert line.splitlines() == [line]
    assert not re.search(r"(?:^|\s)(?:-|#)|[$\\@]", line)
    assert parse_requirement(line, "") == requirement


def asked(*texts, by="python.packages"):
    return [Asked(parse_requirement(text, by), by, is_users=by == "python.packages") for text in texts]


def settled(*groups, packed=()):
    return [
        str(each.requirement) for each in combine([each for group in groups for each in group], packed.__contains__)
    ]


def test_what_nobody_disputes_is_taken_once():
    model = asked("scikit-learn==1.9.1", "numpy==2.4", by="model iris:v1")
    assert settled(asked("numpy>=2"), model, model) == ["numpy>=2", "numpy==2.4", "scikit-learn==1.9.1"]


def test_the_user_goes_before_a_model_and_is_told():
    with pytest.warns(UserWarning, match=r"model iris:v1 was saved with tool==1\.0; .* tool>=2 \(python\.packages\)"):
        assert settled(asked("tool>=2"), asked("tool==1.0", by="model iris:v1")) == ["tool>=2"]


def test_of_two_models_the_version_that_is_installed_is_taken_else_the_newest():
    installed = version("click")
    with pytest.warns(UserWarning, match=rf"a:v1 with click==99.*click {installed} is taken"):
        assert settled(asked("click==99", by="model a:v1"), asked(f"click=={installed}", by="model b:v1")) == [
            f"click=={installed}"
        ]
    with pytest.warns(UserWarning, match=r"no-such-tool 1\.10 is taken"):
        assert settled(asked("no-such-tool==1.9", by="model a:v1"), asked("no-such-tool==1.10", by="model b:v1")) == [
            "no-such-tool==1.10"
        ]


def test_what_models_say_of_what_is_packed_is_passed_over():
    assert settled(
        asked("jubako==0.0.1", by="model iris:v1"), asked("jubako", by="every Bento"), packed=("jubako",)
    ) == ["jubako"]


def test_the_closure_of_what_is_installed_follows_extras_and_markers(site, make_wheel, tmp_path):
    site.install("tool", modules={"tool.py": ""})
    metadata = next(site.folder.glob("tool-1.0.dist-info")) / "METADATA"
    needs = ["attrs", "idna; extra == 'web'", "click; python_version < '3'", "absent; extra == 'web'"]
    metadata.write_text(metadata.read_text() + "".join(f"Requires-Dist: {text}\n" for text in needs))
    make_wheel(tmp_path, "given", requires=["packaging", "tool>=2"])

    def found(*texts, given=()):
        return follow([Requirement(text) for text in texts], read_given(tmp_path, given))

    assert set(found("tool").pins) == {"tool", "attrs"}
    with_extra = found("tool", "tool[web]", "nothing; python_version < '3'")
    assert set(with_extra.pins) == {"tool", "attrs", "idna"}
    assert [str(each) for each in with_extra.missing] == ['absent; extra == "web"']
    with_wheel = found(given=["given-1.0-py3-none-any.whl"])
    assert set(with_wheel.pins) == {"packaging", "attrs"}
    assert [str(each) for each in with_wheel.unmatched] == ["tool>=2"]
    assert with_wheel.packed == {"given"}


def test_of_a_build_for_one_kind_of_device_the_public_version_is_pinned(site):
    site.install("device", modules={"device.py": ""})
    metadata = next(site.folder.glob("device-1.0.dist-info")) / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 1.0+cpu"))
    assert version("device") == "1.0+cpu"
    closure = follow([Requirement("device==1.0")], {})
    assert (dict(closure.pins), closure.unmatched) == ({"device": "1.0"}, ())


def test_jubako_its_plugins_and_what_is_installed_from_elsewhere_are_carried(site):
    site.install_plugin("echoing", "")
    site.install("local", modules={"local.py": ""})
    (next(site.folder.glob("local-*")) / "direct_url.json").write_text('{"url": "file:///srv/local.whl"}')
    with warnings.catch_warnings(action="error"):
        closure = follow([Requirement(name) for name in ("jubako", "jubako-echoing", "local")], {})
    assert set(closure.carried) == {"jubako", "jubako-echoing", "local"}
    assert "attrs" in closure.pins
