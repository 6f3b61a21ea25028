"""The public home of Jubako's errors, with the names that programs written to the reference use."""

from __future__ import annotations

from jubako.errors import (
    AlreadyExists,
    APIDeprecated,
    BadInput,
    BatchTooLarge,
    BuildError,
    CommandError,
    ConfigurationError,
    DeadlineExceeded,
    GpuNotFound,
    ImportServiceError,
    InternalServerError,
    InvalidArchive,
    InvalidArgument,
    InvalidManifest,
    JubakoError,
    MissingDependency,
    ModelDigestMismatch,
    ModelNotTrusted,
    NotFound,
    OfferNotFound,
    PayloadTooLarge,
    PluginConflict,
    PluginError,
    RunnerFailed,
    ServiceUnavailable,
    StoreError,
    TooManyRequests,
    UnsupportedMediaType,
    WrongRowCount,
)

BentoMLException = JubakoError
RemoteException = RunnerFailed
MissingDependencyException = MissingDependency
BentoMLConfigException = ConfigurationError
CLIException = CommandError

__all__ = [
    "APIDeprecated",
    "AlreadyExists",
    "BadInput",
    "BatchTooLarge",
    "BentoMLConfigException",
    "BentoMLException",
    "BuildError",
    "CLIException",
    "CommandError",
    "ConfigurationError",
    "DeadlineExceeded",
    "GpuNotFound",
    "ImportServiceError",
    "InternalServerError",
    "InvalidArchive",
    "InvalidArgument",
    "InvalidManifest",
    "JubakoError",
    "MissingDependency",
    "MissingDependencyException",
    "ModelDigestMismatch",
    "ModelNotTrusted",
    "NotFound",
    "OfferNotFound",
    "PayloadTooLarge",
    "PluginConflict",
    "PluginError",
    "RemoteException",
    "RunnerFailed",
    "ServiceUnavailable",
    "StoreError",
    "TooManyRequests",
    "UnsupportedMediaType",
    "WrongRowCount",
]

# Tracebacks, and pickles of errors between processes, name the classes where everybody may import them.
for _name in __all__:
    globals()[_name].__module__ = __name__
