"""The plugin's hooks: what jubako-torch-runner offers. Imports neither torch nor safetensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from jubako.contracts.hookspecs import hookimpl
from jubako.contracts.offers import BatchPolicyType, CheckType, CommandType, PayloadType, RunnerType, SerializerType
from jubako.values.machine import Machine
from jubako.values.placement import Placement
from jubako.values.resources import ResourceQuota
from jubako_torch_runner.formats import EXPORT, PICKLE, RUNNER_TYPE, SAFETENSORS
from jubako_torch_runner.placing import place_torch_runner


@hookimpl
def jubako_register_runner_types() -> Iterable[RunnerType]:
    """Offer `jubako.torch`, also `jubako.pytorch`."""
    yield RunnerType(
        name=RUNNER_TYPE,
        summary="Saves, loads and runs any PyTorch module, in batches that fit its device.",
        requires=("torch", "safetensors"),
        aliases=("pytorch",),
        save="jubako_torch_runner.models:save",
        load="jubako_torch_runner.models:load",
        load_runner="jubako_torch_runner.models:load_runner",
        model_types=("torch.nn:Module",),
    )


@hookimpl
def jubako_register_serializers() -> Iterable[SerializerType]:
    """Offer safetensors, which is data, and torch.export and torch.save, which are code."""
    yield SerializerType(
        name=SAFETENSORS,
        summary="Writes a module's tensors, and the name and arguments of its class.",
        requires=("torch", "safetensors"),
        serializer="jubako_torch_runner.safetensors_serializer:SafetensorsSerializer",
        trust="data",
    )
    yield SerializerType(
        name=EXPORT,
        summary="Writes the graph that a module computes; reading it can run code.",
        requires=("torch", "safetensors"),
        serializer="jubako_torch_runner.export_serializer:ExportSerializer",
        trust="code",
    )
    yield SerializerType(
        name=PICKLE,
        summary="Writes any module as a pickle, which can run code when it is read.",
        requires=("torch", "cloudpickle", "safetensors"),
        serializer="jubako_torch_runner.torch_save_serializer:TorchSaveSerializer",
        trust="code",
    )


@hookimpl
def jubako_register_payload_types() -> Iterable[PayloadType]:
    """Offer torch.Tensor, so that tensors share batches and go between processes as they are."""
    yield PayloadType(
        name="tensor",
        summary="Joins torch tensors along any axis.",
        requires=("torch",),
        payload="jubako_torch_runner.tensor_payload:TensorPayload",
        python_types=("torch:Tensor",),
    )


@hookimpl
def jubako_place_runner(runner: Any, quota: ResourceQuota, machine: Machine) -> Sequence[Placement] | None:
    """Give a runner of `jubako.torch` one replica on each GPU, unless its quota says otherwise."""
    return place_torch_runner(runner, quota, machine)


@hookimpl
def jubako_register_batch_policies() -> Iterable[BatchPolicyType]:
    """Offer the policy that torch runners have by default; it suits every device that copies while it computes."""
    yield BatchPolicyType(
        name="device",
        summary="Begins the next batch just before the device has computed the last, in sizes that it runs well.",
        policy="jubako_torch_runner.policy:DeviceBatchPolicy",
    )


@hookimpl
def jubako_register_commands() -> Iterable[CommandType | CheckType]:
    """Let `jubako doctor` look at PyTorch."""
    yield CheckType(
        name="torch",
        summary="PyTorch, its GPUs, and what a runner gets on this machine.",
        check="jubako_torch_runner.doctor:check",
    )
