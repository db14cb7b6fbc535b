"""Running an audit in tests: an honest history on disk, and the step at which a changed one fails."""

from pathlib import Path
from typing import Any

import pytest

from tacita_protocol.tlog.trust import TrustPolicy
from tacita_sdk.audit_export import AuditExport
from tacita_sdk.errors import VerificationFailed
from tacita_sdk.verify import Step, open_log, verify_audit
from tests.support.audit_case import AuditCase, Json

CASE = AuditCase()
"""Shared by all tests, hence never changed."""


def audit(log: Path, *exports: Json, trust: TrustPolicy = CASE.log.trust, seen: tuple[bytes, ...] = ()) -> list[Step]:
    """Verify the log in a directory with these exports, by default both of CASE."""
    bodies = [AuditExport.model_validate(export) for export in exports] if exports else CASE.exports()
    return verify_audit(trust, open_log(str(log)), bodies, seen, patience=0)


def failure(log: Path, *exports: Json, **options: Any) -> tuple[int, str, str]:
    """The number, name and reason of the step at which the audit fails."""
    with pytest.raises(VerificationFailed) as caught:
        audit(log, *exports, **options)
    return caught.value.step, caught.value.name, caught.value.reason
