"""What a node finds when it examines itself."""

from typing import Literal

from tacita_sdk.node_api.base import Code, NodeModel, Text


class Finding(NodeModel):
    """One thing that was looked at: what was found, and what to do unless it is well. Nobody's identifier is in it.

    `skipped`: it could not be looked at because of another finding.
    """

    check: Code
    status: Literal["ok", "warning", "failed", "skipped"]
    found: Text
    fix: Text | None = None


class DoctorReport(NodeModel):
    """`GET /v1/doctor`: everything that was looked at, in order."""

    version: Text
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        """Whether something keeps this node from matching."""
        return any(finding.status == "failed" for finding in self.findings)
