"""Reading the auditor's files: the federation's trust file, the exports of nodes, checkpoints kept from earlier."""

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from tacita_protocol.crypto.jcs import parse_json
from tacita_protocol.errors import LimitExceeded, MalformedMessage
from tacita_protocol.tlog.note import MAX_NOTE_BYTES
from tacita_protocol.tlog.trust import TrustPolicy
from tacita_sdk.audit_export import AuditExport
from tacita_sdk.verify.steps import AuditStep

EXPORT_MAX_BYTES: Final = 256 * 1024 * 1024
TRUST_MAX_BYTES: Final = 256 * 1024


def load_trust(path: Path) -> TrustPolicy:
    """The trust file at `path`. Raises VerificationFailed (step 1)."""
    with AuditStep.TRUST_FILE.checking():
        data = _read(path, TRUST_MAX_BYTES)
        try:
            return TrustPolicy.parse(data.decode())
        except UnicodeDecodeError:
            raise MalformedMessage("not UTF-8", field="trust") from None


def load_export(path: Path) -> AuditExport:
    """A node's export at `path`. Raises VerificationFailed (step 2)."""
    with AuditStep.EXPORTS.checking(about=path.name):
        data = _read(path, EXPORT_MAX_BYTES)
        parse_json(data, max_bytes=EXPORT_MAX_BYTES)  # duplicate keys and the like, which the model's parser forgives
        try:
            return AuditExport.model_validate_json(data)
        except ValidationError as error:
            raise MalformedMessage("not an export of this version: make it with `tacita audit export`") from error


def load_checkpoint(path: Path) -> bytes:
    """A checkpoint that was kept: the file `checkpoint` of a log as it was. Raises VerificationFailed (step 17)."""
    with AuditStep.CONSISTENCY.checking(about=path.name):
        return _read(path, MAX_NOTE_BYTES)


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise MalformedMessage("the file cannot be read") from error
    if len(data) > limit:
        raise LimitExceeded("the file is too large")
    return data
