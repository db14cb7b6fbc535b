"""Cosigns the broker's log as this partner, with a memory that never goes back."""

import asyncio

import structlog

from tacita_node.services import NodeServices
from tacita_protocol.tlog.note import NoteVerifier
from tacita_sdk.witness import Witness, WitnessRunner, WitnessStore

_log = structlog.get_logger(__name__)


async def run_witness(services: NodeServices, stop: asyncio.Event) -> None:
    """Cosigns until `stop`. Raises when the witness's memory fails: it must never go on without."""
    witness = Witness(
        log=NoteVerifier.from_vkey(services.identity.broker.log_vkey),
        signer=services.identity.witness,
        memory=WitnessStore(services.directory.witness),
    )
    await WitnessRunner(witness, services.broker, clock=services.clock, report=_report).run(stop)


def _report(event: str) -> None:
    # The runner's event names are constants with a dot; this node's logs take hyphens.
    _log.info(event.replace(".", "-"))
