"""The built-in plugin: everything the core offers, through the same records and hooks as anyone else's.

Imports nothing of what it names; each offer points upwards or sideways by text reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from jubako.contracts.build_step import BuildPhase
from jubako.contracts.hookspecs import hookimpl
from jubako.contracts.offers import (
    BackendType,
    BatchPolicyType,
    BuildStepType,
    CheckType,
    CommandType,
    DescriptorType,
    HttpServerType,
    Offer,
    PayloadType,
    RunnerType,
    SerializerType,
    StoreType,
)
from jubako.values.machine import Machine
from jubako.values.placement import Placement, place_by_quota
from jubako.values.resources import ResourceQuota

# By name: a dot stands between a group and its command. The modules are imported when a command is typed.
_COMMANDS = {
    "build": ("jubako.cli.build:command", "Build a Bento from a service and its models."),
    "completion": ("jubako.cli.completion:command", "Write the script that completes words in a shell."),
    "config": ("jubako.cli.config:command", "Look at the settings that are in force."),
    "config.show": ("jubako.cli.config.show:command", "Show every setting, and where its value is from."),
    "containerize": ("jubako.cli.containerize:command", "Build an image of a Bento, for containers."),
    "delete": ("jubako.cli.delete:command", "Delete Bentos."),
    "doctor": ("jubako.cli.doctor:command", "Look at the installation, and say what to do about it."),
    "env": ("jubako.cli.env:command", "Show what a report of a bug should tell."),
    "export": ("jubako.cli.export:command", "Write a Bento as one file."),
    "gc": ("jubako.cli.gc:command", "Remove what nobody needs any more."),
    "get": ("jubako.cli.get:command", "Show what is known of a Bento."),
    "import": ("jubako.cli.import_:command", "Store the Bento in an archive."),
    "list": ("jubako.cli.list:command", "List Bentos."),
    "models": ("jubako.cli.models:command", "Look after the models of the store."),
    "models.delete": ("jubako.cli.models.delete:command", "Delete models."),
    "models.export": ("jubako.cli.models.export:command", "Write a model as one file."),
    "models.get": ("jubako.cli.models.get:command", "Show what is known of a model."),
    "models.import": ("jubako.cli.models.import_:command", "Store the model in an archive."),
    "models.list": ("jubako.cli.models.list:command", "List models."),
    "models.pull": ("jubako.cli.models.pull:command", "Copy a model from another store."),
    "models.push": ("jubako.cli.models.push:command", "Copy a model to another store."),
    "models.trust": ("jubako.cli.models.trust:command", "Let a model load that can run code."),
    "models.untrust": ("jubako.cli.models.untrust:command", "Take back the trust in models."),
    "models.verify": ("jubako.cli.models.verify:command", "Compare every file of models with what was stored."),
    "plugins": ("jubako.cli.plugins:command", "Show installed plugins, or write a new one."),
    "pull": ("jubako.cli.pull:command", "Copy a Bento from another store."),
    "push": ("jubako.cli.push:command", "Copy a Bento to another store."),
    "serve": ("jubako.cli.serve:command", "Serve a service over HTTP."),
    "verify": ("jubako.cli.verify:command", "Compare every file of Bentos with what was stored."),
}
# By name, in the order in which `jubako doctor` goes through them.
_CHECKS = {
    "python": ("jubako.cli.checks.python:check", "The interpreter is one that is tested and safe."),
    "packages": ("jubako.cli.checks.packages:check", "Packages have the versions that are asked for."),
    "plugins": ("jubako.cli.checks.plugins:check", "All plugins that are installed can be used."),
    "home": ("jubako.cli.checks.home:check", "The home can be written to, by nobody else."),
    "stores": ("jubako.cli.checks.stores:check", "Models and Bentos can be read, and nothing is left over."),
    "trust": ("jubako.cli.checks.trust:check", "Nobody else could have chosen what is trusted."),
    "port": ("jubako.cli.checks.port:check", "The port to serve on is free."),
    "machine": ("jubako.cli.checks.machine:check", "Limits of the process are sufficient."),
    "clock": ("jubako.cli.checks.clock:check", "The clock shows a time that can be right."),
}


@hookimpl
def jubako_register_runner_types() -> Iterable[RunnerType]:
    """Offer Python objects as they are; every framework is a plugin of its own."""
    yield RunnerType(
        name="picklable_model",
        summary="Saves, loads and runs any Python object that can be pickled.",
        save="jubako.runners.picklable:save",
        load="jubako.runners.picklable:load",
        load_runner="jubako.runners.picklable:load_runner",
    )


@hookimpl
def jubako_register_store_types() -> Iterable[StoreType]:
    """Offer folders of the local file system."""
    yield StoreType(
        name="file",
        summary="Keeps models and Bentos in folders of the local file system.",
        open_store="jubako.stores.local:open_store",
    )


@hookimpl
def jubako_register_serializers() -> Iterable[SerializerType]:
    """Offer the formats that need no framework."""
    yield SerializerType(
        name="npy",
        summary="Writes numpy arrays without Python objects.",
        serializer="jubako.serializers.npy:NpySerializer",
        trust="data",
    )
    yield SerializerType(
        name="json",
        summary="Writes values that JSON gives back unchanged.",
        serializer="jubako.serializers.json:JsonSerializer",
        trust="data",
    )
    yield SerializerType(
        name="cloudpickle",
        summary="Writes any Python object as a pickle, which can run code when it is read.",
        serializer="jubako.serializers.cloudpickle:CloudpickleSerializer",
        trust="code",
    )


@hookimpl
def jubako_register_payload_types() -> Iterable[PayloadType]:
    """Offer arrays, frames, series and lists; values of other types are batched as lists."""
    yield PayloadType(
        name="ndarray",
        summary="Joins numpy arrays along any axis.",
        payload="jubako.payloads.ndarray:NdarrayPayload",
        python_types=("numpy:ndarray",),
    )
    yield PayloadType(
        name="dataframe",
        summary="Joins pandas frames of the same columns by rows.",
        requires=("pandas",),
        payload="jubako.payloads.frames:DataFramePayload",
        # pandas 3 says where its types are imported from, pandas 2 where they are defined.
        python_types=("pandas:DataFrame", "pandas.core.frame:DataFrame"),
    )
    yield PayloadType(
        name="series",
        summary="Joins pandas series; one alone is a row of a frame.",
        requires=("pandas",),
        payload="jubako.payloads.frames:SeriesPayload",
        python_types=("pandas:Series", "pandas.core.series:Series"),
    )
    yield PayloadType(
        name="list",
        summary="Joins lists of any Python values.",
        payload="jubako.payloads.lists:ListPayload",
        python_types=("builtins:list",),
    )
    yield PayloadType(
        name="tuple",
        summary="Cuts results of several parts, each of which is batched by its own type.",
        payload="jubako.payloads.tuples:TuplePayload",
        python_types=("builtins:tuple",),
    )
    yield PayloadType(
        name="dict",
        summary="Cuts results of several named parts, each of which is batched by its own type.",
        payload="jubako.payloads.dictionaries:DictPayload",
        python_types=("builtins:dict",),
    )
    yield PayloadType(
        name="scalar",
        summary="Batches numbers, text and all other values as lists.",
        payload="jubako.payloads.lists:ScalarPayload",
        python_types=("builtins:object",),
    )


@hookimpl
def jubako_register_build_steps() -> Iterable[BuildStepType]:
    """Offer the steps that every Bento needs."""
    yield BuildStepType(
        name="sources",
        summary="Copies the user's files to src/.",
        phase=BuildPhase.SOURCES,
        step="jubako.bentos.steps.sources:copy_sources",
    )
    yield BuildStepType(
        name="models",
        summary="Copies the models that the service needs to models/.",
        phase=BuildPhase.MODELS,
        step="jubako.bentos.steps.models:copy_models",
    )
    yield BuildStepType(
        name="conda",
        summary="Writes env/conda/environment.yml, if a conda environment is asked for.",
        phase=BuildPhase.ENVIRONMENT,
        step="jubako.bentos.steps.conda:write_conda_environment",
    )
    yield BuildStepType(
        name="docker",
        summary="Writes env/docker/, from which the image is built.",
        # Reads what the steps for the environment have written.
        phase=BuildPhase.DOCUMENTS,
        step="jubako.bentos.steps.docker:write_docker_files",
    )
    yield BuildStepType(
        name="python",
        summary="Writes what pip installs to env/python/.",
        phase=BuildPhase.ENVIRONMENT,
        step="jubako.bentos.steps.python:write_python",
    )
    yield BuildStepType(
        name="readme",
        summary="Writes README.md.",
        phase=BuildPhase.DOCUMENTS,
        step="jubako.bentos.steps.readme:write_readme",
    )
    yield BuildStepType(
        name="openapi",
        summary="Writes apis/openapi.yaml.",
        phase=BuildPhase.DOCUMENTS,
        step="jubako.bentos.steps.openapi:write_openapi",
    )
    yield BuildStepType(
        name="sbom",
        summary="Writes sbom.cdx.json, a list of everything in the Bento.",
        phase=BuildPhase.DOCUMENTS,
        step="jubako.bentos.steps.sbom:write_sbom",
    )


@hookimpl
def jubako_register_backends() -> Iterable[BackendType]:
    """Offer the serving process itself, and processes beside it."""
    yield BackendType(
        name="inline",
        summary="Runs each runner in a thread of the serving process.",
        backend="jubako.backends.inline:open_backend",
    )
    yield BackendType(
        name="process",
        summary="Runs each replica in a process of its own, which is replaced when it dies.",
        backend="jubako.backends.process.backend:open_backend",
    )


@hookimpl
def jubako_register_descriptors() -> Iterable[DescriptorType]:
    """Offer everything in `jubako.io`; annotations that no offer names are JSON."""
    yield DescriptorType(
        name="numpy_ndarray",
        summary="Numpy arrays.",
        descriptor="jubako.descriptors.numpy_ndarray:NumpyNdarray",
        python_types=("numpy:ndarray",),
    )
    yield DescriptorType(
        name="pandas_dataframe",
        summary="Frames of pandas as JSON, CSV, Parquet or Arrow.",
        requires=("pandas",),
        descriptor="jubako.descriptors.pandas_dataframe:PandasDataFrame",
        # pandas 3 says that its classes are defined at its root.
        python_types=("pandas:DataFrame", "pandas.core.frame:DataFrame"),
    )
    yield DescriptorType(
        name="pandas_series",
        summary="Series of pandas as JSON.",
        requires=("pandas",),
        descriptor="jubako.descriptors.pandas_series:PandasSeries",
        python_types=("pandas:Series", "pandas.core.series:Series"),
    )
    yield DescriptorType(name="json", summary="Any JSON value.", descriptor="jubako.descriptors.json:JSON")
    yield DescriptorType(
        name="text",
        summary="Text in UTF-8.",
        descriptor="jubako.descriptors.text:Text",
        python_types=("builtins:str",),
    )
    yield DescriptorType(
        name="file",
        summary="Files of any kind.",
        descriptor="jubako.descriptors.file:File",
        # Python 3.13 says that paths are defined in a private module.
        python_types=(
            "builtins:bytes",
            "pathlib:PurePath",
            "pathlib._local:PurePath",
            "jubako.descriptors.file_like:FileLike",
        ),
    )
    yield DescriptorType(
        name="image",
        summary="Pictures in every format that Pillow knows.",
        requires=("PIL",),
        descriptor="jubako.descriptors.image:Image",
        python_types=("PIL.Image:Image",),
    )
    yield DescriptorType(
        name="multipart",
        summary="Forms of several parts.",
        descriptor="jubako.descriptors.multipart:Multipart",
    )


@hookimpl
def jubako_register_commands() -> Iterable[CommandType | CheckType]:
    """Offer everything that `jubako --help` lists, and what `jubako doctor` looks at."""
    for name, (command, summary) in _COMMANDS.items():
        yield CommandType(name=name, summary=summary, command=command)
    for name, (check, summary) in _CHECKS.items():
        yield CheckType(name=name, summary=summary, check=check)


@hookimpl
def jubako_register_batch_policies() -> Iterable[BatchPolicyType]:
    """Offer what suits most runners, and the simplest there is."""
    yield BatchPolicyType(
        name="adaptive",
        summary="Never delays a lone caller; under load holds only for callers that are about to come back.",
        policy="jubako.dispatch.adaptive:AdaptivePolicy",
    )
    yield BatchPolicyType(
        name="immediate",
        summary="Sends what waits whenever the replica is free.",
        policy="jubako.dispatch.immediate:ImmediatePolicy",
    )


@hookimpl
def jubako_place_runner(runner: Any, quota: ResourceQuota, machine: Machine) -> Sequence[Placement]:
    """Place every runner that no other plugin has placed, as its quota says."""
    return place_by_quota(quota, machine, runner.num_replica)


def closed_kinds() -> Iterable[Offer]:
    """Offers of the kinds whose hook is not open to other plugins yet."""
    yield HttpServerType(
        name="hypercorn",
        summary="HTTP/1.1, HTTP/2 and WebSocket by Hypercorn.",
        serve="jubako.server.hypercorn_server:serve",
    )
