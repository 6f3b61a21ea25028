"""The plugins of a Plan."""

from __future__ import annotations

from pathlib import Path

from jubako.plugins import compose
from jubako.services import Service
from jubako.services.source import SourceModule
from jubako.services.targets import Target
from jubako.serving.planning import compose_planned, make_plan
from jubako.settings import PluginSettings, Settings, StoreSettings
from jubako.values.plan import PlannedPlugin
from jubako.workspace import open_workspace


def names(composition):
    return [str(report.candidate) for report in composition.reports]


def test_a_plugin_that_was_installed_after_the_start_is_none_of_the_plan(site, tmp_path):
    site.install_plugin("early", "")
    site.install_plugin("unwanted", "")
    settings = Settings(plugins=PluginSettings(disable=("unwanted",)), stores=StoreSettings(home=tmp_path / "home"))
    target = Target(SourceModule("service", tmp_path / "service.py", tmp_path, Path(tmp_path)), "", None)
    workspace = open_workspace(settings)
    plan = make_plan(Service("empty"), target, workspace, 1)
    assert PlannedPlugin("early", "jubako-early") in plan.plugins
    assert PlannedPlugin("unwanted", "jubako-unwanted") not in plan.plugins
    site.install_plugin("late", "")
    # The same name from elsewhere would put the planned one in conflict.
    site.install("another", plugins={"early": "another"}, modules={"another.py": ""})
    assert {"late (jubako-late 1.0)", "early (another 1.0)"} <= set(names(compose(settings.plugins)))
    planned = compose_planned(settings.plugins, plan.plugins)
    assert names(planned) == [name for name in names(workspace.composition) if "unwanted" not in name]
