"""Every way in which an installed plugin can be broken, each with a real distribution."""

from __future__ import annotations

import sys

import pytest

from jubako.contracts.offers import RunnerType, StoreType
from jubako.plugins import PluginStatus, compose, discover
from jubako.settings import PluginSettings

OK_OFFER = "RunnerType(name='toy', summary='Runs toys.', save='x:save', load='x:load', load_runner='x:load_runner')"


def compose_only(*names, **options):
    return compose(PluginSettings(allow=names), **options)


def report_on(name, **options):
    composition = compose_only(name, **options)
    # Whatever the plugin did, the built-ins are there.
    assert composition.find(StoreType, "file").name == "file"
    return next(report for report in composition.reports if report.name == name)


def test_a_sound_plugin_is_ok_and_its_offers_are_taken(site, runner_plugin):
    site.install_plugin("toy", runner_plugin("toy"))
    report = report_on("toy")
    assert report.status is PluginStatus.OK
    assert [offer.name for offer in report.offers] == ["toy"]
    assert report.reason == report.remedy == report.traceback == ""
    assert report.load_s > 0


def test_a_plugin_may_be_an_object_in_a_module(site, hooks_plugin):
    text = (
        "class Hooks:\n    @jubako.hookimpl\n    def jubako_register_runner_types(self):\n"
        f"        return [{OK_OFFER}]\n"
    )
    site.install(
        "jubako-obj",
        plugins={"obj": "obj_plugin:hooks"},
        modules={"obj_plugin.py": hooks_plugin(text + "hooks = Hooks()")},
    )
    assert [offer.name for offer in report_on("obj").offers] == ["toy"]


def test_a_hook_may_have_another_function_name(site, hooks_plugin):
    text = f"@jubako.hookimpl(specname='jubako_register_runner_types')\ndef toys():\n    return [{OK_OFFER}]\n"
    site.install_plugin("spec", hooks_plugin(text))
    assert [offer.name for offer in report_on("spec").offers] == ["toy"]


def test_an_optional_hook_of_a_later_version_does_no_harm(site, runner_plugin):
    later = "@jubako.hookimpl(optionalhook=True)\ndef jubako_invented_later(): pass\n"
    site.install_plugin("early", runner_plugin("early", more=later))
    assert report_on("early").status is PluginStatus.OK


ENDLESS_HOOK = f"""
import itertools
@jubako.hookimpl
def jubako_register_runner_types():
    for number in itertools.count():
        name = f'toy{{number}}'
        yield {OK_OFFER.replace("'toy'", "name")}
"""

BROKEN_HOOKS = {
    "an unknown hook": (
        "@jubako.hookimpl\ndef jubako_register_runner_type(): return ()",
        "incompatible",
        "it implements the hook jubako_register_runner_type, which this version of Jubako does not have",
        "write jubako_register_runner_types",
    ),
    "a hook of a later version": (
        "@jubako.hookimpl\ndef jubako_teleport(): return ()",
        "incompatible",
        "it implements the hook jubako_teleport, which this version of Jubako does not have",
        "install a version of Jubako that has it, or an older one of the plugin",
    ),
    "an unknown argument": (
        "@jubako.hookimpl\ndef jubako_register_runner_types(config): return ()",
        "incompatible",
        "its hook jubako_register_runner_types takes the argument config, which that hook does not give",
        "write def jubako_register_runner_types()",
    ),
    "a hook that is not marked": (
        "def jubako_register_runner_types(): return ()",
        "incompatible",
        "its function jubako_register_runner_types is not marked as a hook implementation",
        "write @jubako.hookimpl above it",
    ),
    "a wrapper": (
        "@jubako.hookimpl(wrapper=True)\ndef jubako_register_runner_types():\n    return (yield)",
        "incompatible",
        "its hook jubako_register_runner_types is a wrapper; Jubako calls each plugin's hooks alone",
        "write a plain function that returns or yields offers",
    ),
    "an offer of the wrong type": (
        f"@jubako.hookimpl\ndef jubako_register_store_types():\n    return [{OK_OFFER}]",
        "failed",
        "its hook jubako_register_store_types offered RunnerType instead of StoreType",
        "JUBAKO_DISABLE_PLUGINS=broken",
    ),
    "an offer that is none": (
        "@jubako.hookimpl\ndef jubako_register_runner_types():\n    yield 'toy'",
        "failed",
        "its hook jubako_register_runner_types offered str instead of RunnerType",
        "JUBAKO_DISABLE_PLUGINS=broken",
    ),
    "one offer instead of several": (
        f"@jubako.hookimpl\ndef jubako_register_runner_types(): return {OK_OFFER}",
        "failed",
        "its hook jubako_register_runner_types returned RunnerType instead of several RunnerType",
        "JUBAKO_DISABLE_PLUGINS=broken",
    ),
    "an answer that is none": (
        "@jubako.hookimpl\ndef jubako_register_runner_types(): pass",
        "failed",
        "its hook jubako_register_runner_types returned NoneType instead of several RunnerType",
        "JUBAKO_DISABLE_PLUGINS=broken",
    ),
    "an offer that does not validate": (
        f"@jubako.hookimpl\ndef jubako_register_runner_types(): yield {OK_OFFER.replace('toy', 'T O Y')}",
        "failed",
        "its hook jubako_register_runner_types raised: InvalidArgument: an offer cannot be named 'T O Y'. Do: use",
        "JUBAKO_DISABLE_PLUGINS=broken",
    ),
    "one name offered twice": (
        f"@jubako.hookimpl\ndef jubako_register_runner_types(): return [{OK_OFFER}, {OK_OFFER}]",
        "failed",
        "it offers the runner type 'toy' twice",
        "JUBAKO_DISABLE_PLUGINS=broken",
    ),
    "a hook without end": (
        ENDLESS_HOOK,
        "failed",
        "its hook jubako_register_runner_types made more than 1000 offers",
        "JUBAKO_DISABLE_PLUGINS=broken",
    ),
}


@pytest.mark.parametrize("case", BROKEN_HOOKS)
def test_a_plugin_with_a_broken_hook_is_reported_in_words_and_offers_nothing(site, hooks_plugin, case):
    text, status, reason, remedy = BROKEN_HOOKS[case]
    site.install_plugin("broken", hooks_plugin(text))
    report = report_on("broken")
    assert report.status == status
    assert reason in report.reason
    assert remedy in report.remedy
    assert report.offers == ()


BROKEN_MODULES = {
    "an import error": ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
    "a syntax error": ("def (", "SyntaxError: invalid syntax"),
    "an exception": ("raise RuntimeError('no\\nluck')", "RuntimeError: no luck"),
    "an exit": ("import sys\nsys.exit(3)", "SystemExit: 3"),
    "an exception without words": ("raise BaseException", "BaseException"),
    "an exception that cannot be shown": (
        "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd",
        "Odd",
    ),
}


@pytest.mark.parametrize("case", BROKEN_MODULES)
def test_a_plugin_that_raises_when_imported_is_reported_with_its_traceback(site, case):
    text, words = BROKEN_MODULES[case]
    site.install_plugin("broken", text)
    report = report_on("broken")
    assert report.status is PluginStatus.FAILED
    assert report.reason.startswith("jubako_broken cannot be imported: ")
    assert words in report.reason
    assert "Traceback (most recent call last)" in report.traceback
    assert "jubako_broken.py" in report.traceback
    assert report.remedy == ("report it to the authors of jubako-broken, or disable it: JUBAKO_DISABLE_PLUGINS=broken")


def test_a_plugin_that_uses_other_plugins_while_it_is_loaded_is_reported(site, tmp_path):
    site.install_plugin("eager", "from jubako.picklable_model import save")
    code = (
        "from jubako.plugins import compose\nfrom jubako.settings import PluginSettings\n"
        "print(*[report.reason for report in compose(PluginSettings(allow='eager')).reports if report.name == 'eager'])"
    )
    # In an interpreter of its own: where user code has composed the plugins already, the plugin would get those.
    done = site.run_python("-c", code, JUBAKO_HOME=str(tmp_path))
    assert done.stderr == ""
    assert "a plugin cannot use other plugins while it is being loaded" in done.stdout


def test_of_a_hook_that_yields_one_offer_and_then_raises_none_is_taken(site, hooks_plugin):
    text = (
        "@jubako.hookimpl\ndef jubako_register_store_types():\n"
        "    yield StoreType(name='half', summary='Half.', open_store='x:y')\n"
        f"@jubako.hookimpl\ndef jubako_register_runner_types():\n    yield {OK_OFFER}\n    raise OSError('disk full')\n"
    )
    site.install_plugin("half", hooks_plugin(text))
    report = report_on("half")
    assert report.status is PluginStatus.FAILED
    assert report.reason == "its hook jubako_register_runner_types raised: OSError: disk full"
    assert report.offers == ()
    composition = compose_only("half")
    assert [offer.name for offer in composition.offers(RunnerType)] == ["picklable_model"]
    assert "half" not in [offer.name for offer in composition.offers(StoreType)]


def test_an_entry_point_that_does_not_exist_is_reported(site):
    site.install("jubako-hollow", plugins={"hollow": "hollow:plugin"}, modules={"hollow.py": ""})
    assert "cannot be imported: AttributeError" in report_on("hollow").reason


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("", "its entry point is empty, and names no module"),
        ("not a module!", "its entry point names no module: 'not a module!'"),
        ("package.plugin:", "its entry point names no module: 'package.plugin:'"),
    ],
)
def test_an_entry_point_that_names_no_module_is_reported_with_how_to_write_one(site, target, reason):
    site.install("jubako-garbled", plugins={"garbled": target})
    report = report_on("garbled")
    assert (report.status, report.reason) == (PluginStatus.FAILED, reason)
    assert report.remedy == (
        'in its pyproject.toml write [project.entry-points."jubako.v1"] garbled = "its_package.plugin", '
        "and install jubako-garbled again"
    )


def test_ctrl_c_while_a_plugin_loads_is_not_swallowed(site):
    site.install_plugin("interrupted", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        compose_only("interrupted")


def test_a_missing_framework_costs_the_offer_that_needs_it_only(site, runner_plugin, hooks_plugin):
    more = (
        "@jubako.hookimpl\ndef jubako_register_store_types():\n"
        "    yield StoreType(name='near', summary='Near.', open_store='x:y')\n"
    )
    site.install_plugin("lonely", runner_plugin("lonely", requires=("frobnicator.core", "numpy"), more=more))
    report = report_on("lonely")
    assert report.status is PluginStatus.OK
    assert [str(missing) for missing in report.missing] == [
        "runner type 'lonely' needs 'frobnicator.core'; do: pip install frobnicator"
    ]
    composition = compose_only("lonely")
    assert [offer.name for offer in composition.offers(RunnerType)] == ["picklable_model"]
    assert "near" in [offer.name for offer in composition.offers(StoreType)]


def test_looking_for_a_required_module_imports_not_even_its_package(site, runner_plugin):
    site.install("framework", modules={"framework/__init__.py": "raise SystemExit", "framework/core.py": ""})
    site.install_plugin("careful", runner_plugin("careful", requires=("framework.core",)))
    assert report_on("careful").missing == ()
    assert "framework" not in sys.modules


def test_a_module_that_lacks_in_a_package_that_is_there_is_missing(site, runner_plugin):
    site.install("framework", modules={"framework/__init__.py": ""})
    site.install_plugin(
        "careful", runner_plugin("careful", requires=("framework.core", "framework.core.deep", "json.x.y"))
    )
    assert report_on("careful").missing[0].imports == ("framework.core", "framework.core.deep", "json.x.y")


def test_what_a_plugin_prints_while_loading_goes_to_stderr(site, runner_plugin, capsys):
    text = runner_plugin("chatty", more="print('hello from the module')")
    site.install_plugin("chatty", text.replace("    yield", "    print('hello from the hook')\n    yield"))
    assert report_on("chatty").status is PluginStatus.OK
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "hello from the module\nhello from the hook\n" in printed.err


def test_a_plugin_that_hangs_is_named_with_how_to_disable_it_and_may_still_finish(site, runner_plugin):
    # It waits for the test's word, as one that waits for a network would.
    site.install_plugin("sleepy", runner_plugin("sleepy", more="import sys\nsys.stdin.readline()"))
    code = (
        "from jubako.plugins import compose\nfrom jubako.settings import PluginSettings\n"
        "reports = compose(PluginSettings(allow='sleepy'), slow_after_s=0.05).reports\n"
        "print(*(report.status for report in reports if report.name == 'sleepy'))"
    )
    with site.start_python("-c", code) as process:
        line = process.stderr.readline()
        out, rest = process.communicate("go on\n", timeout=60)
    assert line == (
        "jubako: the plugin sleepy (jubako-sleepy 1.0) has been loading for 0.05 s. "
        "If it hangs, stop this program and set JUBAKO_DISABLE_PLUGINS=sleepy\n"
    )
    assert (out, rest, process.returncode) == ("ok\n", "", 0)


def test_nobody_is_named_when_loading_is_quick(site, runner_plugin, capsys):
    site.install_plugin("quick", runner_plugin("quick"))
    assert report_on("quick", slow_after_s=30).status is PluginStatus.OK
    assert capsys.readouterr().err == ""


def test_each_plugin_is_loaded_though_others_fail(site, runner_plugin):
    site.install_plugin("aaa", "1 / 0")
    site.install_plugin("mid", runner_plugin("mid"))
    site.install_plugin("zzz", "raise SystemExit")
    reports = compose_only("aaa", "mid", "zzz").reports
    ours = {report.name: str(report.status) for report in reports if report.candidate in discover()}
    assert {name: ours[name] for name in ("aaa", "mid", "zzz")} == {"aaa": "failed", "mid": "ok", "zzz": "failed"}
