from __future__ import annotations

import sys

import pytest

from jubako.plugins import Candidate, discover

IMPORTS_CANARY = "import sys\nsys.modules['canary'] = sys\n"


def found(name):
    return [candidate for candidate in discover() if candidate.name == name]


def test_a_plugin_is_found_with_its_distribution_and_not_imported(site):
    site.install("jubako-quiet", plugins={"quiet": "quiet_plugin"}, modules={"quiet_plugin.py": IMPORTS_CANARY})
    assert found("quiet") == [Candidate("quiet", "quiet_plugin", "jubako-quiet", "1.0", str(site.folder))]
    assert "canary" not in sys.modules
    assert "quiet_plugin" not in sys.modules


def test_plugins_come_sorted_by_name_and_then_by_distribution(site):
    site.install("jubako-zz", plugins={"same": "zz", "another": "zz"})
    site.install("jubako-aa", plugins={"same": "aa"})
    ours = [str(candidate) for candidate in discover() if candidate.location == str(site.folder)]
    assert ours == ["another (jubako-zz 1.0)", "same (jubako-aa 1.0)", "same (jubako-zz 1.0)"]


def test_a_distribution_whose_metadata_is_damaged_is_found_all_the_same(site):
    site.install("jubako-odd", plugins={"odd": "odd"})
    (site.folder / "jubako_odd-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\n")
    assert [str(candidate) for candidate in found("odd")] == ["odd (unknown unknown)"]


@pytest.mark.parametrize(
    "name", ["torch_runner", "torch-runner", "Torch.Runner", "jubako-torch-runner", "JUBAKO_torch_runner"]
)
def test_a_plugin_answers_to_its_own_name_and_its_distributions_in_any_spelling(name):
    assert Candidate("torch_runner", "x", "jubako-torch-runner", "1").is_named_by([name])


def test_a_plugin_does_not_answer_to_a_part_of_its_name():
    assert not Candidate("torch_runner", "x", "jubako-torch-runner", "1").is_named_by(["torch", "runner", ""])
