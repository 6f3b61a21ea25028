"""Every hook that a plugin can implement, with what it is for and how it is called.

A hook is a plain function of a plugin's entry-point module, marked with `jubako.hookimpl`. Jubako calls implementations
one by one, while composing or while a service starts, never while a request is served: one that raises costs its
own plugin only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pluggy

from jubako.contracts.extensions import Extension
from jubako.contracts.offers import (
    BackendType,
    BatchPolicyType,
    BuildStepType,
    CheckType,
    CommandType,
    DescriptorType,
    PayloadType,
    RunnerType,
    SerializerType,
    StoreType,
)
from jubako.values.machine import Machine
from jubako.values.placement import Placement
from jubako.values.resources import ResourceQuota

PROJECT = "jubako"
ENTRY_POINT_GROUP = "jubako.v1"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def jubako_register_runner_types() -> Iterable[RunnerType]:  # type: ignore[empty-body]
    """Offer the integration of a framework: how its models are saved, loaded and run.

    Called once while a process composes its plugins. The offers of all plugins are put together; a name offered twice
    cannot be used until one of the plugins is disabled. An empty answer offers nothing.

    Example::

        import jubako
        from jubako.contracts.offers import RunnerType


        @jubako.hookimpl
        def jubako_register_runner_types():
            yield RunnerType(
                name="toy",
                summary="Runs models of the toy framework.",
                requires=("toy",),
                save="jubako_toy.models:save",
                load="jubako_toy.models:load",
                load_runner="jubako_toy.models:load_runner",
            )

    Checked by `jubako.testing.RunnerTypeTests`. Since 0.1.
    """


@hookspec
def jubako_register_store_types() -> Iterable[StoreType]:  # type: ignore[empty-body]
    """Offer a place where models and Bentos are kept, by the scheme of its URL.

    Called once while a process composes its plugins. The offers of all plugins are put together; a scheme offered twice
    cannot be used until one of the plugins is disabled. An empty answer offers nothing.

    Example::

        import jubako
        from jubako.contracts.offers import StoreType


        @jubako.hookimpl
        def jubako_register_store_types():
            yield StoreType(
                name="sftp",
                summary="Keeps models and Bentos on an SFTP server.",
                requires=("paramiko",),
                open_store="jubako_sftp.store:open_store",
            )

    Checked by `jubako.testing.StoreTests`. Since 0.1.
    """


@hookspec
def jubako_register_serializers() -> Iterable[SerializerType]:  # type: ignore[empty-body]
    """Offer a format in which model objects are written to files.

    Called once while a process composes its plugins. The offers of all plugins are put together; a name offered twice
    cannot be used until one of the plugins is disabled. An empty answer offers nothing. A format whose loader can be
    made to run code says `trust="code"`: such models load only where their digest is trusted.

    Example::

        import jubako
        from jubako.contracts.offers import SerializerType


        @jubako.hookimpl
        def jubako_register_serializers():
            yield SerializerType(
                name="onnx",
                summary="Writes ONNX graphs without external data.",
                requires=("onnx",),
                serializer="jubako_onnx.serializer:OnnxSerializer",
                trust="data",
            )

    Checked by `jubako.testing.SerializerTests`. Since 0.1.
    """


@hookspec
def jubako_register_payload_types() -> Iterable[PayloadType]:  # type: ignore[empty-body]
    """Offer a kind of Python value that runners can take and give in batches.

    Called once while a process composes its plugins. The offers of all plugins are put together; a name offered twice
    cannot be used until one of the plugins is disabled. An empty answer offers nothing; values of no offered type are
    batched as lists.

    Example::

        import jubako
        from jubako.contracts.offers import PayloadType


        @jubako.hookimpl
        def jubako_register_payload_types():
            yield PayloadType(
                name="polars",
                summary="Joins and cuts polars frames.",
                requires=("polars",),
                payload="jubako_polars.payload:PolarsPayload",
                python_types=("polars.dataframe.frame:DataFrame",),
            )

    Checked by `jubako.testing.PayloadTypeTests`. Since 0.1.
    """


@hookspec
def jubako_register_build_steps() -> Iterable[BuildStepType]:  # type: ignore[empty-body]
    """Offer a step that adds files to every Bento that is built.

    Called once while a process composes its plugins. Steps of all plugins run by phase, within a phase by name; a name
    offered twice stops builds until one of the plugins is disabled. An empty answer adds no step.

    Example::

        import jubako
        from jubako.contracts.build_step import BuildPhase
        from jubako.contracts.offers import BuildStepType


        @jubako.hookimpl
        def jubako_register_build_steps():
            yield BuildStepType(
                name="licences",
                summary="Lists the licences of all dependencies in LICENCES.txt.",
                phase=BuildPhase.DOCUMENTS,
                step="jubako_licences.step:write_licences",
            )

    Checked by `jubako.testing.BuildStepTests`. Since 0.1.
    """


@hookspec
def jubako_register_backends() -> Iterable[BackendType]:  # type: ignore[empty-body]
    """Offer a place where the replicas of runners run, and a way for calls to reach them.

    Called once while a process composes its plugins. The offers of all plugins are put together; a name offered twice
    cannot be used until one of the plugins is disabled. An empty answer offers nothing. The operator chooses one by
    name: `runners.backend`, or `jubako serve --backend`.

    Example::

        import jubako
        from jubako.contracts.offers import BackendType


        @jubako.hookimpl
        def jubako_register_backends():
            yield BackendType(
                name="cluster",
                summary="Runs replicas as actors of a cluster.",
                requires=("cluster",),
                backend="jubako_cluster.backend:open_backend",
            )

    Checked by `jubako.testing.BackendTests`. Since 0.1.
    """


@hookspec
def jubako_register_descriptors() -> Iterable[DescriptorType]:  # type: ignore[empty-body]
    """Offer a kind of HTTP body, what Python value it is, and the annotations that stand for it.

    Called once while a process composes its plugins. The offers of all plugins are put together; a name offered twice
    cannot be used until one of the plugins is disabled. An empty answer offers nothing. The class is found as
    `jubako.io.<Name>`; an annotation that two plugins claim selects the first by the plugin's name, and never
    another one than the core's where the core has one.

    Example::

        import jubako
        from jubako.contracts.offers import DescriptorType


        @jubako.hookimpl
        def jubako_register_descriptors():
            yield DescriptorType(
                name="polars_dataframe",
                summary="Polars frames as Arrow and JSON.",
                requires=("polars",),
                descriptor="jubako_polars.descriptor:PolarsDataFrame",
                python_types=("polars.dataframe.frame:DataFrame",),
            )

    Checked by `jubako.testing.DescriptorTests`. Since 0.1.
    """


@hookspec
def jubako_register_commands() -> Iterable[CommandType | CheckType]:  # type: ignore[empty-body]
    """Offer commands of the command line, and things that `jubako doctor` looks at.

    Called once while a process composes its plugins: for a command that is not the core's, for the list of all commands
    and for the doctor, so that the core's own commands do not wait for it. The offers of all plugins are put together;
    a name offered twice cannot be used until one of the plugins is disabled, and the core keeps its own.
    An empty answer offers nothing.

    Example::

        import jubako
        from jubako.contracts.offers import CheckType, CommandType


        @jubako.hookimpl
        def jubako_register_commands():
            yield CommandType(
                name="annotate",
                summary="Write remarks on models.",
                command="jubako_remarks.command:command",
            )
            yield CheckType(
                name="remarks",
                summary="Whether the server of remarks answers.",
                requires=("remarks",),
                check="jubako_remarks.checks:check_server",
            )

    Checked by `jubako.testing.CommandTests` and `jubako.testing.CheckTests`. Since 0.1.
    """


@hookspec
def jubako_register_batch_policies() -> Iterable[BatchPolicyType]:  # type: ignore[empty-body]
    """Offer a rule when to send how many of the rows that wait beside a model.

    Called once while a process composes its plugins. The offers of all plugins are put together; a name offered twice
    cannot be used until one of the plugins is disabled. An empty answer offers nothing. A runner chooses one by name,
    `batch_options.policy`, and the operator with `runners.batching.policy`.

    Example::

        import jubako
        from jubako.contracts.offers import BatchPolicyType


        @jubako.hookimpl
        def jubako_register_batch_policies():
            yield BatchPolicyType(
                name="patient",
                summary="Waits until a batch is full, or its first call has waited for long enough.",
                policy="jubako_patient.policy:PatientPolicy",
            )

    Checked by `jubako.testing.BatchPolicyTests`. Since 0.1.
    """


@hookspec
def jubako_place_runner(runner: Any, quota: ResourceQuota, machine: Machine) -> Sequence[Placement] | None:
    """Say how many replicas a runner has, and on which device and with how many threads each of them computes.

    Called once for each runner of a Service when it starts, and in a script at the runner's first call; `runner` is the
    runner object and must not be changed. `quota` is its `resource_quota` with the operator's settings, and `machine`
    has the processors and GPUs that may be used, with the share of each GPU that runners before this one have taken.
    The first answer that is not None wins: plugins of others are asked before those of Jubako, and the built-in
    plugin at last, which does what `jubako.values.placement.place_by_quota` does. None leaves the runner to the next. A
    hook that raises is named in the log, and the next is asked; `jubako.exceptions.GpuNotFound` says that the runner
    asks for what is not there, and is an error or the CPU by the setting `missing_gpu`, which then asks again with
    `quota.gpus` 0.

    Example::

        import jubako
        from jubako.values.placement import Placement


        @jubako.hookimpl
        def jubako_place_runner(runner, quota, machine):
            if runner.name != "small":
                return None
            return [Placement(threads=1, environment={"OMP_NUM_THREADS": "1"})]

    Checked by `jubako.testing.PlacementTests`. Since 0.1.
    """


@hookspec
def jubako_extend_application(service: Any) -> Iterable[Extension]:  # type: ignore[empty-body]
    """Add routes, ASGI middleware and observers to the application that serves a Service.

    Called once for each application, when it starts, in every process that serves HTTP; `service` is the
    `jubako.Service` and must not be changed. What all plugins hand over is put together: middleware by `order`, then by
    the plugin's name; a route whose path is the server's, an API's or another plugin's is left out and reported. An
    empty answer adds nothing. If a hook raises, all that it would have added is left out and reported, or with
    `--strict-plugins` the application does not start; a middleware that cannot be made always keeps it from starting.

    Example::

        import jubako
        from jubako.contracts.extensions import Route, RouteResponse


        def tell_name(request):
            return RouteResponse(request.path.encode(), content_type="text/plain")


        @jubako.hookimpl
        def jubako_extend_application(service):
            yield Route(name="name", path="/tools/name", endpoint=tell_name)

    Checked by `jubako.testing.ExtensionTests`. Since 0.1.
    """
