"""What can be set, and where it is read from: defaults < file < environment < command line."""

from __future__ import annotations

from jubako.settings.listing import Setting, list_settings
from jubako.settings.loading import LoadedSettings, Source, load_settings, load_settings_with_sources
from jubako.settings.runners import BatchingSettings, OneRunnerSettings, ResourceSettings, RunnersSettings
from jubako.settings.sections import ArchiveSettings, PluginSettings, Settings, StoreSettings, TrustSettings
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
    "ArchiveSettings",
    "BatchingSettings",
    "CorsSettings",
    "LoadedSettings",
    "LoggingSettings",
    "MetricsSettings",
    "OneRunnerSettings",
    "PluginSettings",
    "ResourceSettings",
    "RunnersSettings",
    "ServerSettings",
    "Setting",
    "Settings",
    "Source",
    "SslSettings",
    "StoreSettings",
    "TrustSettings",
    "list_settings",
    "load_settings",
    "load_settings_with_sources",
]
