"""What tests need: `serving` for those of services, and a class a contract for those of plugins.

A plugin's author subclasses the class of the contract that the plugin implements, and runs pytest.

Needs the extra `jubako[testing]`. Nothing else of Jubako imports this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jubako._references import load_reference
from jubako.errors import MissingDependency

if TYPE_CHECKING:
    from jubako.testing.backend_tests import BackendTests
    from jubako.testing.batch_policy_tests import BatchPolicyTests
    from jubako.testing.batch_simulation import BatchSimulation, DeviceTimes
    from jubako.testing.build_step_tests import BuildStepTests
    from jubako.testing.check_tests import CheckTests
    from jubako.testing.command_tests import CommandTests
    from jubako.testing.descriptor_tests import DescriptorTests
    from jubako.testing.extension_tests import ExtensionTests
    from jubako.testing.http_server_tests import HttpServerTests
    from jubako.testing.payload_type_tests import PayloadTypeTests
    from jubako.testing.placement_tests import PlacementTests
    from jubako.testing.plugin_tests import PluginTests
    from jubako.testing.runner_type_tests import RunnerTypeTests
    from jubako.testing.serializer_tests import SerializerTests
    from jubako.testing.servers import ServedClient, serving
    from jubako.testing.store_tests import StoreTests

__all__ = [
    "BackendTests",
    "BatchPolicyTests",
    "BatchSimulation",
    "BuildStepTests",
    "CheckTests",
    "CommandTests",
    "DescriptorTests",
    "DeviceTimes",
    "ExtensionTests",
    "HttpServerTests",
    "PayloadTypeTests",
    "PlacementTests",
    "PluginTests",
    "RunnerTypeTests",
    "SerializerTests",
    "ServedClient",
    "StoreTests",
    "serving",
]

_MODULES = {
    "BackendTests": "backend_tests",
    "BatchPolicyTests": "batch_policy_tests",
    "BatchSimulation": "batch_simulation",
    "BuildStepTests": "build_step_tests",
    "CheckTests": "check_tests",
    "CommandTests": "command_tests",
    "DescriptorTests": "descriptor_tests",
    "DeviceTimes": "batch_simulation",
    "ExtensionTests": "extension_tests",
    "HttpServerTests": "http_server_tests",
    "PayloadTypeTests": "payload_type_tests",
    "PlacementTests": "placement_tests",
    "PluginTests": "plugin_tests",
    "RunnerTypeTests": "runner_type_tests",
    "SerializerTests": "serializer_tests",
    "ServedClient": "servers",
    "StoreTests": "store_tests",
    "serving": "servers",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return load_reference(f"{__name__}.{_MODULES[name]}:{name}")
    except MissingDependency as error:
        raise MissingDependency(
            f"{__name__}.{name} cannot be used.", why=error.why, do="pip install 'jubako[testing]'"
        ) from error
