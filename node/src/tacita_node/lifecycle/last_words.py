"""What this node has still to say under its present keys, before they are replaced."""

from tacita_node.causes import Causes
from tacita_node.matching.closing import deliver
from tacita_node.matching.journal import RUNNING, MatchJournal
from tacita_node.matching.recovery import abort_interrupted
from tacita_node.matching.results import ResultStore
from tacita_node.services import NodeServices
from tacita_protocol.session import State


async def say_last_words(services: NodeServices) -> None:
    """Aborts the matches that were running, and delivers receipts, refusals and revocations that wait.

    Call it while the node does not run. Raises what the broker raises; then call it again.
    """
    journal = MatchJournal(services.database, services.custody, services.clock)
    results = ResultStore(services.blobs, services.cipher, services.datasets)
    for left in await journal.unsettled():
        if State(left.state) in RUNNING:
            await abort_interrupted(left, services=services, journal=journal, results=results)
        row = await journal.find(left.match)
        if row is not None:
            await deliver(row, services.broker, Causes())
    await services.delivery.run()
