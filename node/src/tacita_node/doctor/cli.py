"""`tacita-node doctor`: the examination of a node that does not run. One that runs is asked by `tacita doctor`."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tacita_node.config import NodeDirectory
from tacita_node.passphrase import PASSPHRASE_VARIABLE
from tacita_node.terminal import FAILED, AsJson, Directory, fail, settings_of

if TYPE_CHECKING:
    from tacita_node.identity import PinnedBroker
    from tacita_sdk.node_api import Finding


def doctor(directory: Directory, as_json: AsJson = False) -> None:
    """Name what keeps a node from starting or from matching: files, keys, trust file, policy, disk, broker, clock.

    For a node that does not run; `tacita doctor` asks one that does. Needs no passphrase. Exit code 1 when something
    has failed.
    """
    from tacita_node.identity import IdentityBroken, read_public
    from tacita_node.version import version
    from tacita_sdk.node_api import DoctorReport

    node = NodeDirectory(directory)
    settings_of(node)
    try:
        _, broker = read_public(node)
    except IdentityBroken as error:
        fail(str(error))
    report = DoctorReport(version=version(), findings=tuple(asyncio.run(_examined(node, broker))))
    if as_json:
        typer.echo(report.model_dump_json())
    else:
        for finding in report.findings:
            typer.echo(f"{finding.status:<8} {finding.check:<10} {finding.found}")
            if finding.fix is not None:
                typer.echo(f"{'':<19} To do: {finding.fix}")
    if report.failed:
        raise typer.Exit(FAILED)


async def _examined(node: NodeDirectory, broker: "PinnedBroker") -> "list[Finding]":
    import httpx2

    from tacita_node.clock import system_clock
    from tacita_node.doctor.federation import broker_and_clock
    from tacita_node.doctor.machine import disk, keys
    from tacita_protocol.crypto.keys import SigningKey
    from tacita_sdk.broker import BrokerClient

    async with httpx2.AsyncClient(trust_env=False) as http:
        client = BrokerClient(
            broker.url,
            broker_id=broker.broker,
            broker_key=broker.key,
            partner="nobody",  # only public questions are asked
            signing_key=SigningKey.generate(),
            clock=system_clock,
            client=http,
        )
        reached = await broker_and_clock(client, url=broker.url, clock=system_clock)
    return [
        _running(node),
        keys(node, _passphrase_file()),
        _trust(node, broker),
        await _policy(node),
        disk(node),
        *reached,
    ]


def _passphrase_file() -> Path | None:
    """The one that the environment names, as for `tacita-node run`."""
    named = os.environ.get(PASSPHRASE_VARIABLE)
    return Path(named) if named else None


def _running(node: NodeDirectory) -> "Finding":
    from tacita_node.run import CannotRun, only_one
    from tacita_sdk.node_api import Finding

    try:
        with only_one(node):
            return Finding(check="process", status="ok", found="No other process runs this node.")
    except CannotRun:
        fix = "Ask it with `tacita doctor`, which sees more."
        return Finding(check="process", status="warning", found="This node runs already.", fix=fix)


def _trust(node: NodeDirectory, broker: "PinnedBroker") -> "Finding":
    from tacita_node.trust import InstalledTrust, TrustRefused
    from tacita_sdk.node_api import Finding

    fix = "Get the federation's file, compare its SHA-256, and run `tacita-node trust DIR FILE`."
    try:
        policy = InstalledTrust(node.trust, log_vkey=broker.log_vkey).current()
    except TrustRefused as refused:
        found = f"The installed trust file is refused: {refused}."
        return Finding(check="trust", status="failed", found=found, fix=fix)
    if policy is None:
        return Finding(check="trust", status="failed", found="No trust file is installed.", fix=fix)
    return Finding(check="trust", status="ok", found=f"Installed: SHA-256 {policy.digest}.")


async def _policy(node: NodeDirectory) -> "Finding":
    from tacita_node.doctor.machine import policy
    from tacita_node.services import load_policies
    from tacita_policies.embedded import EmbeddedDecisionPoint
    from tacita_policies.source import PolicyRefused
    from tacita_sdk.node_api import Finding

    try:
        bundle = await asyncio.to_thread(load_policies, node)
    except PolicyRefused as refused:
        fix = "Correct the own rules in the node's folder policies/: the node does not start with them."
        return Finding(check="policy", status="failed", found=f"{refused}."[:300], fix=fix)
    point = EmbeddedDecisionPoint(bundle)
    try:
        return await policy(point)
    finally:
        await point.close()
