from __future__ import annotations

import pytest

from jubako._documents import structure
from jubako.bentos import PythonOptions
from jubako.bentos.options import BuildOptions, read_bentofile
from jubako.errors import BuildError, InvalidArgument


def test_a_lone_text_stands_for_a_list_of_one():
    lone = PythonOptions(
        packages="pandas>=2", trusted_host="index.local:8080", find_links="wheels", wheels="a-1-py3-none-any.whl"
    )
    listed = PythonOptions(
        packages=["pandas>=2"],
        trusted_host=["index.local:8080"],
        find_links=["wheels"],
        wheels=["a-1-py3-none-any.whl"],
    )
    assert lone == listed


def test_the_same_is_read_from_a_bentofile(tmp_path):
    (tmp_path / "bentofile.yaml").write_text(
        "service: service:svc\n"
        "python:\n"
        "  requirements_txt: ./requirements.txt\n"
        "  packages: httpx[http2]>=0.27; python_version < '3.14'\n"
        "  lock_packages: true\n"
        "  extra_index_url: [https://one.example/simple, https://two.example/simple]\n"
        "  pip_args: '--pre --only-binary=:all: --no-binary=a,b'\n"
    )
    options = read_bentofile(tmp_path / "bentofile.yaml").python
    assert options.packages == ("httpx[http2]>=0.27; python_version < '3.14'",)
    assert options.extra_index_url == ("https://one.example/simple", "https://two.example/simple")
    assert options.pip_args == ("--pre", "--only-binary=:all:", "--no-binary=a,b")
    assert PythonOptions(**options.to_plain()) == options


@pytest.mark.parametrize(
    ("options", "locks"),
    [
        ({}, False),
        ({"packages": ["click"]}, True),
        ({"requirements_txt": "requirements.txt"}, False),
        ({"requirements_txt": "requirements.txt", "packages": ["click"]}, False),
        ({"requirements_txt": "requirements.txt", "lock_packages": True}, True),
        ({"packages": ["click"], "lock_packages": False}, False),
    ],
)
def test_packages_are_locked_unless_there_is_a_requirements_file(options, locks):
    assert PythonOptions(**options).locks is locks


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"packages": ["click\n-r /etc/passwd"]}, r"python\.packages .*Only requirements"),
        ({"packages": ["-r /etc/passwd"]}, r"python\.packages .*no options"),
        ({"packages": ["--index-url https://evil.example"]}, "no options"),
        ({"packages": ["click # a comment"]}, "Only requirements"),
        ({"packages": ["click\\"]}, "Only requirements"),
        ({"packages": ["click==${VERSION}"]}, "no variables"),
        ({"packages": ["click @ file:///etc/passwd"]}, r"'click' from a URL.*python\.wheels"),
        ({"packages": ["click @ git+https://host.example/click"]}, "from a URL"),
        ({"packages": ["./click"]}, "Expected package name"),
        ({"packages": ["click; os.system('x')"]}, r"python\.packages cannot have"),
        ({"packages": ["click\u2028-r /etc/passwd"]}, "Only requirements"),
        ({"packages": ['click; platform_version == "a --config-settings=x"']}, "Only requirements"),
        ({"packages": ["c" * 5000]}, r"ccc…"),
        ({"packages": [1]}, "write text, or a list"),
        ({"packages": {"click": 1}}, "write text, or a list"),
        ({"requirements_txt": "/etc/passwd"}, r"python\.requirements_txt .*build context"),
        ({"requirements_txt": "~/requirements.txt"}, "build context"),
        ({"requirements_txt": "$HOME/requirements.txt"}, "build context"),
        ({"requirements_txt": "../requirements.txt"}, "build context"),
        ({"requirements_txt": "a/../../requirements.txt"}, "build context"),
        ({"find_links": ["/srv/wheels"]}, r"python\.find_links .*build context"),
        ({"find_links": ["file:///srv/wheels"]}, r"python\.find_links .*no plain URL"),
        ({"wheels": ["../a-1-py3-none-any.whl"]}, r"python\.wheels .*build context"),
        ({"wheels": ["a.tar.gz"]}, r"python\.wheels .*Invalid wheel filename"),
        ({"index_url": "ftp://host.example/simple"}, "no plain URL"),
        ({"index_url": "https://host.example/simple --pre"}, "no plain URL"),
        ({"index_url": "https://host.example/?token=1"}, "no plain URL"),
        ({"index_url": "https://host.example:99999/"}, "no plain URL"),
        ({"index_url": "https:///simple"}, "no plain URL"),
        ({"extra_index_url": "https://host.example/$(id)"}, r"python\.extra_index_url"),
        ({"trusted_host": "a host"}, r"python\.trusted_host"),
        ({"trusted_host": "--pre"}, r"python\.trusted_host"),
        ({"no_index": True, "index_url": "https://host.example/simple"}, "beside an index"),
        ({"pip_args": "--target /etc"}, r"'--target'.*Only --no-binary"),
        ({"pip_args": "--index-url https://host.example"}, r"python\.index_url has it"),
        ({"pip_args": "-r /etc/passwd"}, r"python\.requirements_txt has it"),
        ({"pip_args": "--only-binary"}, "--only-binary cannot be ''"),
        ({"pip_args": "--only-binary '; rm'"}, "--only-binary cannot be"),
        ({"pip_args": "--pre=1"}, r"cannot have '--pre'"),
        ({"pip_args": "click"}, r"cannot have 'click'"),
        ({"pip_args": "'"}, "No closing quotation"),
        ({"no_index": "yes"}, "give True or False"),
        ({"lock_packages": 1}, "give True or False"),
    ],
)
def test_each_wrong_value_is_named(options, words):
    with pytest.raises(InvalidArgument, match=f"(?s){words}"):
        PythonOptions(**options)


@pytest.mark.parametrize("url", ["https://me:geheim@host.example/simple", "https://me:geh eim@host", "x:geheim@y"])
@pytest.mark.parametrize("field", ["index_url", "extra_index_url"])
def test_credentials_are_refused_and_not_repeated(field, url):
    with pytest.raises(InvalidArgument, match=r"(?s)credentials.*keyring or ~/\.netrc") as caught:
        PythonOptions(**{field: url})
    assert "geh" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("python: {packges: [click]}", "python: unknown key 'packges'. Did you mean 'packages'?"),
        ("python: [click]", "python: expected a mapping"),
        ("python: {packages: [click], packages: [attrs]}", "packages"),
        ("python: &a {packages: [*a]}", "Alias *a stands for nothing"),
        ("python: {packages: [[click]]}", "write text, or a list"),
    ],
)
def test_mistakes_in_a_bentofile_are_named_with_their_place(tmp_path, text, words):
    path = tmp_path / "bentofile.yaml"
    path.write_text(f"service: service:svc\n{text}\n")
    with pytest.raises(BuildError) as caught:
        read_bentofile(path)
    assert words in str(caught.value)


def test_a_yaml_bomb_is_refused(tmp_path):
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
    path = tmp_path / "bentofile.yaml"
    path.write_text(f"service: service:svc\na0: &a0 [x]\n{levels}\npython: {{packages: *a11}}\n")
    with pytest.raises(BuildError, match=r"bentofile\.yaml"):
        read_bentofile(path)


def test_build_options_have_python_options_by_default():
    assert structure({"service": "service:svc"}, BuildOptions, "options").python == PythonOptions()
