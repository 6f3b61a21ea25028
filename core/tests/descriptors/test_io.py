"""`jubako.io`: the names of the core and of plugins, found when they are asked for."""

from __future__ import annotations

import contextlib

import pytest

import jubako.builtin
import jubako.descriptors
from jubako import io
from jubako.descriptors.annotations import descriptor_of
from jubako.errors import PluginConflict
from jubako.plugins import compose
from jubako.settings import PluginSettings, Settings, StoreSettings
from jubako.workspace import open_workspace, using_workspace

PLUGIN = """
import jubako
from jubako.contracts.offers import DescriptorType

@jubako.hookimpl
def jubako_register_descriptors():
    yield DescriptorType(
        name="shout", summary="Shouts.", descriptor="shouting:Shout",
        python_types=("shouting:Loud", "builtins:str", "builtins:complex"),
    )
"""
WORK = """
from jubako.io import Text

class Loud(str): pass

class Shout(Text):
    def decode(self, body, content_type):
        return super().decode(body, content_type).upper()
"""


@pytest.fixture
def use_plugins(site, tmp_path):
    """Install the plugins `shout` and `yell`, which offer the same, and return a function that uses some of them."""
    for name in ("shout", "yell"):
        site.install_plugin(name, PLUGIN)
    site.install("work", modules={"shouting.py": WORK})
    with contextlib.ExitStack() as stack:
        yield lambda *names: stack.enter_context(
            using_workspace(
                open_workspace(
                    Settings(plugins=PluginSettings(allow=names), stores=StoreSettings(home=tmp_path / "home"))
                )
            )
        )


def test_a_plugins_descriptor_is_found_by_the_name_of_its_class(use_plugins):
    use_plugins("shout")
    from jubako.io import Shout  # as users write it

    assert Shout().decode(b"a", "") == "A"


def test_a_descriptor_follows_the_plugins_in_use(use_plugins):
    use_plugins()
    with pytest.raises(AttributeError, match="no plugin in use offers it"):
        _ = io.Shout


def test_a_descriptor_that_two_plugins_offer_is_a_conflict(use_plugins):
    use_plugins("shout", "yell")
    with pytest.raises(PluginConflict, match="shout"):
        _ = io.Shout


def test_annotations_select_a_plugins_descriptor_but_what_the_core_claims_is_its_own(use_plugins):
    use_plugins("shout")
    composition = compose(PluginSettings(allow=("shout",)))
    assert type(descriptor_of(complex, composition)).__name__ == "Shout"
    assert type(descriptor_of(str, composition)).__name__ == "Text"


def test_every_name_of_the_core_is_offered_by_the_built_in_plugin():
    offered = {offer.descriptor for offer in jubako.builtin.jubako_register_descriptors()}
    descriptors = set(jubako.descriptors._REFERENCES.values()) - {"jubako.descriptors.file_like:FileLike"}
    assert offered == descriptors
    assert set(io.__all__) == set(jubako.descriptors.__all__)


@pytest.mark.parametrize("name", ["Nothing", "_private", "text"])
def test_another_name_is_an_attribute_error(name):
    assert not hasattr(io, name)


def test_the_names_are_imported_only_when_they_are_used(site):
    code = (
        "import sys, jubako.io\nfrom jubako.io import JSON, File, Image, Multipart\n"
        "print({'pandas', 'PIL', 'pyarrow', 'pydantic', 'quart'} & set(sys.modules))"
    )
    done = site.run_python("-c", code)
    assert done.stdout.strip() == "set()", done.stderr


def test_a_missing_package_is_told_with_the_extra_that_brings_it(site):
    code = (
        "import sys\nsys.modules['pandas'] = None\nsys.modules['PIL'] = None\n"
        "import jubako.io\nfrom jubako.exceptions import MissingDependency\n"
        "for name in ('PandasDataFrame', 'PandasSeries', 'Image'):\n"
        "    try:\n        getattr(jubako.io, name)()\n"
        "    except MissingDependency as error:\n        print(name, error.do)\n"
    )
    assert site.run_python("-c", code).stdout.splitlines() == [
        "PandasDataFrame pip install 'jubako[pandas]'",
        "PandasSeries pip install 'jubako[pandas]'",
        "Image pip install 'jubako[image]'",
    ]
