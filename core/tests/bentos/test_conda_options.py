"""What `conda` may say, and what is refused."""

from __future__ import annotations

import pytest

from jubako.bentos.conda_options import CondaOptions
from jubako.errors import InvalidArgument


def test_nothing_said_means_that_there_is_no_environment():
    assert CondaOptions().is_empty
    assert not CondaOptions(dependencies=["numpy"]).is_empty


def test_what_is_recorded_makes_the_same_options_again():
    options = CondaOptions(
        channels=["conda-forge", "https://conda.example.org/team", "nvidia/label/cuda-12.4"],
        dependencies=["numpy=1.26", "numpy >=1.26,<2", "conda-forge::libstdcxx-ng", "python", "pytorch=2.*=*cuda*"],
        pip=["requests==2.32.3", "httpx[http2]>=0.27; python_version > '3.10'"],
    )
    assert CondaOptions(**options.to_plain()) == options


@pytest.mark.parametrize("field", ["channels", "dependencies", "pip"])
@pytest.mark.parametrize(
    "text", ["x\nfoo", "-c evil", "--file=x", "$(id)", "`id`", "# x", "", "x\0", "\u2028", 3, "@x"]
)
def test_what_is_no_channel_or_dependency_is_refused(field, text):
    with pytest.raises(InvalidArgument, match=rf"conda\.{field} cannot have"):
        CondaOptions(**{field: [text]})


@pytest.mark.parametrize("channel", ["https://user:secret@conda.example.org/x", "file:///etc", "https://x/?token=1"])
def test_a_channel_with_credentials_or_on_this_machine_is_refused(channel):
    with pytest.raises(InvalidArgument, match=r"conda\.channels cannot have"):
        CondaOptions(channels=[channel])


@pytest.mark.parametrize("field", ["channels", "dependencies", "pip"])
def test_a_lone_text_is_no_list(field):
    with pytest.raises(InvalidArgument, match=r"'numpy' stands where conda has a list\.\nDo: write \['numpy'\]"):
        CondaOptions(**{field: "numpy"})


@pytest.mark.parametrize("path", ["/etc/passwd", "~/x", "$HOME/x", "../x", "a/../../x"])
def test_a_file_outside_of_the_context_is_refused(path):
    with pytest.raises(InvalidArgument, match=r"conda\.environment_yml cannot be"):
        CondaOptions(environment_yml=path)


def test_a_file_stands_alone():
    with pytest.raises(InvalidArgument, match=r"environment_yml stands alone\.\n.*\nDo: leave out the file"):
        CondaOptions(environment_yml="environment.yml", dependencies=["numpy"])
