"""The kinds of offers, in the order in which they are shown, and what each is called in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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

NOUNS: Mapping[type[Offer], str] = MappingProxyType(
    {
        RunnerType: "runner type",
        StoreType: "store type",
        SerializerType: "serializer",
        PayloadType: "payload type",
        BuildStepType: "build step",
        BackendType: "backend",
        DescriptorType: "descriptor",
        CommandType: "command",
        CheckType: "check",
        BatchPolicyType: "batch policy",
        HttpServerType: "HTTP server",
    }
)

# Hooks that other plugins can implement; the remaining kinds are offered by the built-in plugin alone.
HOOKS: Mapping[str, tuple[type[Offer], ...]] = MappingProxyType(
    {
        "jubako_register_runner_types": (RunnerType,),
        "jubako_register_store_types": (StoreType,),
        "jubako_register_serializers": (SerializerType,),
        "jubako_register_payload_types": (PayloadType,),
        "jubako_register_build_steps": (BuildStepType,),
        "jubako_register_backends": (BackendType,),
        "jubako_register_descriptors": (DescriptorType,),
        "jubako_register_commands": (CommandType, CheckType),
        "jubako_register_batch_policies": (BatchPolicyType,),
    }
)

# Not called while composing, but when an application starts, with the Service that it serves.
EXTENSION_HOOK = "jubako_extend_application"

# Not called while composing, but for each runner that is to run.
PLACEMENT_HOOK = "jubako_place_runner"


def kind_of(offer: Offer) -> type[Offer]:
    """The kind that a record is of; the record itself may be of a subclass."""
    return next(kind for kind in NOUNS if isinstance(offer, kind))


def kind_noun(offer: Offer) -> str:
    """What the kind of an offer is called in sentences."""
    return NOUNS[kind_of(offer)]


def names_of(offer: Offer) -> tuple[str, ...]:
    """Every name that an offer claims among those of its kind: its own first, then its aliases."""
    return tuple(dict.fromkeys((offer.name, *getattr(offer, "aliases", ()))))
