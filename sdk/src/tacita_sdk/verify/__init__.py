"""Verification without trusting broker or node: the whole log, and every exported match, step by step."""

from tacita_sdk.verify.audit import verify_audit
from tacita_sdk.verify.files import load_checkpoint, load_export, load_trust
from tacita_sdk.verify.log_source import LogSource, LogUnreadable, open_log
from tacita_sdk.verify.steps import Step

__all__ = [
    "LogSource",
    "LogUnreadable",
    "Step",
    "load_checkpoint",
    "load_export",
    "load_trust",
    "open_log",
    "verify_audit",
]
