"""Test LiveKit voice agents with Cekura, from the agent's own repo.

The public names are listed in docs/python.md. They are imported on first use, so that importing the package costs
nothing in production.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import attach

__version__ = "0.2.0"

if TYPE_CHECKING:
    from .agent.call import Call, current_call
    from .agent.checks import check, fail
    from .agent.data_messages import DataMessage
    from .agent.entrypoint import wrap_entrypoint
    from .contract import Mode
    from .errors import (
        CallerError,
        CassetteError,
        CassetteMiss,
        CekuraError,
        CekuraRefused,
        CekuraUnreachable,
        ForeignServer,
        KitError,
        LiveKitError,
        LiveKitUnreachable,
        MetadataError,
        NoSuchRoom,
        RehearsalError,
        ReportError,
        SandboxError,
        ScenarioError,
        SessionMissing,
        SettingsError,
        StartUnknown,
        SuiteError,
        TargetError,
        TextModeError,
        WorkerError,
    )
    from .trigger.plan.suite import Suite
    from .trigger.progress import Ended, Event, Finished, Noted, Planned, PlannedCase, Preparing, Said, Stage, Started
    from .trigger.run_suite import run_suite
    from .trigger.settings.settings import Settings
    from .verdict import Kind, Outcome, RunVerdict, SuiteVerdict

__all__ = [
    "Call",
    "CallerError",
    "CassetteError",
    "CassetteMiss",
    "CekuraError",
    "CekuraRefused",
    "CekuraUnreachable",
    "DataMessage",
    "Ended",
    "Event",
    "Finished",
    "ForeignServer",
    "Kind",
    "KitError",
    "LiveKitError",
    "LiveKitUnreachable",
    "MetadataError",
    "Mode",
    "NoSuchRoom",
    "Noted",
    "Outcome",
    "Planned",
    "PlannedCase",
    "Preparing",
    "RehearsalError",
    "ReportError",
    "RunVerdict",
    "Said",
    "SandboxError",
    "ScenarioError",
    "SessionMissing",
    "Settings",
    "SettingsError",
    "Stage",
    "StartUnknown",
    "Started",
    "Suite",
    "SuiteError",
    "SuiteVerdict",
    "TargetError",
    "TextModeError",
    "WorkerError",
    "check",
    "current_call",
    "fail",
    "run_suite",
    "wrap_entrypoint",
]

_HOME = {
    "Call": ".agent.call",
    "CassetteError": ".errors",
    "CallerError": ".errors",
    "CassetteMiss": ".errors",
    "CekuraError": ".errors",
    "CekuraRefused": ".errors",
    "CekuraUnreachable": ".errors",
    "DataMessage": ".agent.data_messages",
    "Ended": ".trigger.progress",
    "Event": ".trigger.progress",
    "Finished": ".trigger.progress",
    "ForeignServer": ".errors",
    "Kind": ".verdict",
    "KitError": ".errors",
    "LiveKitError": ".errors",
    "LiveKitUnreachable": ".errors",
    "MetadataError": ".errors",
    "Mode": ".contract",
    "NoSuchRoom": ".errors",
    "Noted": ".trigger.progress",
    "Outcome": ".verdict",
    "Planned": ".trigger.progress",
    "PlannedCase": ".trigger.progress",
    "Preparing": ".trigger.progress",
    "RehearsalError": ".errors",
    "ReportError": ".errors",
    "RunVerdict": ".verdict",
    "Said": ".trigger.progress",
    "SandboxError": ".errors",
    "ScenarioError": ".errors",
    "SessionMissing": ".errors",
    "Settings": ".trigger.settings.settings",
    "SettingsError": ".errors",
    "Stage": ".trigger.progress",
    "Started": ".trigger.progress",
    "StartUnknown": ".errors",
    "Suite": ".trigger.plan.suite",
    "SuiteError": ".errors",
    "SuiteVerdict": ".verdict",
    "TargetError": ".errors",
    "TextModeError": ".errors",
    "WorkerError": ".errors",
    "check": ".agent.checks",
    "current_call": ".agent.call",
    "fail": ".agent.checks",
    "run_suite": ".trigger.run_suite",
    "wrap_entrypoint": ".agent.entrypoint",
}

__getattr__, __dir__ = attach(__name__, _HOME)
