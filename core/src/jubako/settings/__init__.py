"""What can be set, and where it is read from: defaults < file < environment < command line."""

from __future__ import annotations

from jubako.settings.loading import load_settings
from jubako.settings.runners import BatchingSettings, OneRunnerSettings, ResourceSettings, RunnersSettings
from jubako.settings.sections import PluginSettings, Settings, StoreSettings, TrustSettings
from jubako.settings.server import (
    AccessLogSettings,
    CorsSettings,
    LoggingSettings,
    MetricsSettings,
    ServerSettings,
    SslSettings,
)

__all__ = [
    "AccessLogSettings",
    "BatchingSettings",
    "CorsSettings",
    "LoggingSettings",
    "MetricsSettings",
    "OneRunnerSettings",
    "PluginSettings",
    "ResourceSettings",
    "RunnersSettings",
    "ServerSettings",
    "Settings",
    "SslSettings",
    "StoreSettings",
    "TrustSettings",
    "load_settings",
]
