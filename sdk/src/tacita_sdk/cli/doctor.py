"""`tacita doctor`: what is missing or blocked between this command and a match, and how to mend it."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import TYPE_CHECKING

import typer

from tacita_sdk.cli.connection import Session

if TYPE_CHECKING:
    from tacita_sdk.node_api import DoctorReport, Finding


def doctor(session: Session) -> None:
    """Name what is missing or blocked: node, token, broker, clock, trust, witnesses, keys, engines, policy, disk.

    Exit code 0 when nothing has failed, else 1, or 3 when the node does not answer.
    """
    from tacita_sdk.cli.output import EXIT_REFUSED, EXIT_UNREACHABLE, show
    from tacita_sdk.errors import NodeUnreachable
    from tacita_sdk.node_api import DoctorReport, Finding

    target = session.target()
    own = version("tacita-sdk")
    profile = "no profile" if target.profile is None else f"profile {target.profile}"
    code = 0
    with session.connect() as node:
        try:
            examined = node.doctor()
            findings = [
                Finding(check="node", status="ok", found=f"It answers at {target.node} ({profile})."),
                _versions(own, examined.version),
                *examined.findings,
            ]
        except NodeUnreachable as error:
            code = EXIT_UNREACHABLE
            found = f"No node answers at {target.node} ({profile})."
            fix = "Start it with `tacita-node run DIR` and read its log, or name another one with --node or --profile."
            if error.sent:
                found, fix = f"The node at {target.node} broke off.", "Read its log, and see whether it still runs."
            findings = [Finding(check="node", status="failed", found=found, fix=fix)]
    report = DoctorReport(version=own, findings=tuple(findings))
    show(report, as_json=session.as_json, lines=lines_of(report))
    if code or report.failed:
        raise typer.Exit(code or EXIT_REFUSED)


def lines_of(report: "DoctorReport") -> Iterable[str]:
    """The findings for a person, each with what to do under it."""
    for finding in report.findings:
        yield f"{finding.status:<8} {finding.check:<10} {finding.found}"
        if finding.fix is not None:
            yield f"{'':<19} To do: {finding.fix}"
    failed = sum(finding.status == "failed" for finding in report.findings)
    yield "Nothing has failed." if not failed else f"{failed} of {len(report.findings)} failed."


def _versions(own: str, nodes: str) -> "Finding":
    from tacita_sdk.node_api import Finding

    if own == nodes:
        return Finding(check="version", status="ok", found=f"This command and the node are both {own}.")
    fix = "Install the same version of tacita-sdk and tacita-node."
    return Finding(check="version", status="warning", found=f"This command is {own}, the node {nodes}.", fix=fix)
