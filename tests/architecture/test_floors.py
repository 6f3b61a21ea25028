"""The core stands on floors: a module imports lower floors, its own package, and what stands before it on its floor."""

from __future__ import annotations

import graphlib
import sys

import pytest

# Lowest first; what stands on one line is one place, and may not name what stands on a later one.
FLOORS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("F0", ("_version", "errors", "exceptions", "_references", "_origins", "_progress", "_documents")),
    ("F1", ("values",)),
    ("F2", ("contracts",)),
    ("F3", ("settings", "plugins")),
    (
        "F4",
        (
            "stores",
            "workspace",
            "serializers",
            "models",
            "payloads",
            "runners",
            "dispatch",
            "backends",
            "descriptors",
            "io",
            "services",
            "bentos",
            "builtin",
        ),
    ),
    ("F5", ("server", "serving", "cli", "__main__")),
)
ORDER = {name: place for place, name in enumerate(name for _, names in FLOORS for name in names)}

# Upward, by text only. Everything else that points up is a mistake.
MAY_POINT_UP_BY_TEXT = {
    "jubako": "the public names are loaded when they are asked for",
    "jubako._runner_modules": "jubako.<runner type> asks the current workspace when it is used",
    "jubako.builtin": "the offers of the built-in plugin name what they offer",
    "jubako.services.service": "Service.asgi_app makes the server's application",
}
# The built-in plugin is found by its name, as all plugins are.
PLUGINS_NAME_THE_BUILT_IN = "jubako.builtin"

ONLY_IN = {
    "pluggy": ("jubako.plugins", "jubako.contracts.hookspecs"),
    "importlib_metadata": ("jubako.plugins",),
    "importlib.metadata": ("jubako.plugins", "jubako.bentos", "jubako.models", "jubako.cli", "jubako.testing"),
    "quart": ("jubako.server",),
    "hypercorn": ("jubako.server",),
    "click": ("jubako.cli", "jubako.testing"),
    "yaml": ("jubako._documents",),
}


def package_of(module: str) -> str:
    """The part of the core that a module belongs to; empty for the root package and its own private module."""
    package = module.partition(".")[2].partition(".")[0]
    return "" if package == "_runner_modules" else package


def is_within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def inner_arrows(core, *kinds):
    return [arrow for arrow in core.arrows if arrow.kind in kinds and is_within(arrow.target, ("jubako",))]


def test_every_package_of_the_core_has_its_place_on_a_floor(core):
    found = {package_of(module.name) for module in core} - {"", "testing"}
    assert found <= set(ORDER), f"no place in FLOORS and docs/architecture.md: {sorted(found - set(ORDER))}"


def upward_imports(core):
    for arrow in inner_arrows(core, "top", "late", "typing"):
        source, target = package_of(arrow.source), package_of(arrow.target)
        if source in ("", "testing", target) or target == "":
            continue
        if target == "testing" or ORDER[target] > ORDER[source]:
            yield str(arrow)


def test_no_module_imports_upwards(core):
    upward = list(upward_imports(core))
    assert not upward, "\n".join(["imports that point up:", *upward])


@pytest.mark.parametrize(
    "line",
    [
        "from jubako.server import application",
        "from jubako import server",
        "import jubako.server",
        "def late():\n    from jubako.server import application",
        "if TYPE_CHECKING:\n    from jubako.server import application",
        "from jubako.testing import PluginTests",
    ],
)
def test_an_import_that_points_up_is_found(plant, line):
    planted = plant({"stores/local.py": line, "server/__init__.py": "application = 1", "testing/__init__.py": ""})
    assert len(list(upward_imports(planted))) == 1


def test_the_root_package_imports_the_three_lowest_floors_only(core):
    allowed = {name for floor, names in FLOORS if floor in ("F0", "F1", "F2") for name in names}
    higher = [
        str(arrow)
        for arrow in inner_arrows(core, "top")
        if package_of(arrow.source) == "" and package_of(arrow.target) not in {"", *allowed}
    ]
    assert not higher, "\n".join(["import jubako would load these:", *higher])


def test_nothing_below_the_commands_imports_the_root_package(core):
    named = [
        str(arrow)
        for arrow in inner_arrows(core, "top", "late", "typing")
        if arrow.target == "jubako" and ORDER.get(package_of(arrow.source), len(ORDER)) < ORDER["server"]
    ]
    assert not named, "\n".join(["import the module that defines the name instead:", *named])


def upward_texts(core):
    for arrow in inner_arrows(core, "text"):
        source, target = package_of(arrow.source), package_of(arrow.target)
        if arrow.source in MAY_POINT_UP_BY_TEXT or source in ("testing", target):
            continue
        if source == "plugins" and arrow.target == PLUGINS_NAME_THE_BUILT_IN:
            continue
        if target == "testing" or ORDER[target] > ORDER[source]:
            yield str(arrow)


def test_text_references_point_upwards_only_where_it_is_agreed(core):
    upward = list(upward_texts(core))
    assert not upward, "\n".join(["texts that point up:", *upward])


def test_a_text_reference_that_points_up_is_found(plant):
    planted = plant({"stores/local.py": 'SERVE = "jubako.server.asgi:serve"', "server/asgi.py": "serve = 1"})
    assert len(list(upward_texts(planted))) == 1


def test_nothing_imports_the_contract_tests(core):
    arrows = [str(a) for a in inner_arrows(core, "top", "late", "typing") if is_within(a.target, ("jubako.testing",))]
    assert not [arrow for arrow in arrows if not arrow.startswith("jubako.testing")]


def first_cycle(sources, kinds=("top", "late"), packages=None) -> list[str]:
    graph: dict[str, set[str]] = {module.name: set() for module in sources}
    for arrow in sources.arrows:
        is_seen = arrow.kind in kinds and (packages is None or is_within(arrow.source, packages))
        if is_seen and arrow.target in graph and arrow.target != arrow.source:
            graph[arrow.source].add(arrow.target)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other(everything):
    assert not first_cycle(everything)


def test_no_modules_of_runners_and_dispatch_need_each_other_even_for_types(core):
    assert not first_cycle(core, ("top", "late", "typing"), ("jubako.runners", "jubako.dispatch"))


def test_modules_that_import_each_other_are_found(plant):
    planted = plant(
        {"stores/a.py": "import jubako.stores.b", "stores/b.py": "def late():\n    from jubako.stores.a import x"}
    )
    assert set(first_cycle(planted)) == {"jubako.stores.a", "jubako.stores.b"}


def test_foreign_packages_stay_where_they_belong(core):
    stray = [
        str(arrow)
        for arrow in core.arrows
        for foreign, homes in ONLY_IN.items()
        if arrow.kind != "text" and is_within(arrow.target, (foreign,)) and not is_within(arrow.source, homes)
    ]
    assert not stray, "\n".join(stray)


def test_the_entry_point_of_a_plugin_imports_nothing_heavy(everything):
    light = ("jubako", "attrs", "pluggy")
    heavy = []
    for arrow in everything.arrows:
        package, _, module = arrow.source.partition(".")
        if not package.startswith("jubako_") or module not in ("", "plugin") or arrow.kind not in ("top", "late"):
            continue
        is_standard = arrow.target.partition(".")[0] in sys.stdlib_module_names
        if not is_standard and not is_within(arrow.target, (*light, package)):
            heavy.append(str(arrow))
    assert not heavy, "\n".join(heavy)


def loaded_by(sources, *modules: str) -> dict[str, list[str]]:
    """What importing some modules imports, of their own distribution step by step, with the way to each name."""
    ways = {module: [module] for module in modules}
    todo = list(modules)
    while todo:
        module = todo.pop()
        for arrow in sources.arrows:
            if arrow.source == module and arrow.kind == "top" and arrow.target not in ways:
                ways[arrow.target] = [*ways[module], arrow.target]
                if arrow.target.startswith("jubako_"):
                    todo.append(arrow.target)
    return ways


def test_what_workers_load_of_the_plugin_of_torch_loads_no_torch(everything):
    # They load the service's runners and its models' records; a replica, or whoever saves, loads the rest.
    names = ("plugin", "models", "runner", "policy")
    modules = [f"jubako_torch_runner.{name}" for name in names if f"jubako_torch_runner.{name}" in everything.modules]
    heavy = [way for target, way in loaded_by(everything, *modules).items() if is_within(target, ("torch",))]
    assert not heavy, "\n".join(" -> ".join(way) for way in heavy)
    assert "torch" in loaded_by(everything, "jubako_torch_runner.device")
