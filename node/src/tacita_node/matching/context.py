"""What a session, or the check of a closing long after the session's end, needs to know."""

from functools import cache
from importlib.metadata import version

from tacita_node.identity import verify_card
from tacita_node.matching.tables import MatchRow
from tacita_node.problems import ProblemError
from tacita_node.services import NodeServices
from tacita_node.trust import TrustRefused
from tacita_protocol.crypto.digest import Digest
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.errors import LimitExceeded
from tacita_protocol.identifiers.token import SESSION_ID_SIZE
from tacita_protocol.psi import matching
from tacita_protocol.psi.engine import RunParameters
from tacita_protocol.psi.engines import ENGINE_NAMES, engine_named
from tacita_protocol.psi.partition import partitions_for
from tacita_protocol.session import SessionContext
from tacita_protocol.session.runs import runs_of
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.receipt import Software
from tacita_protocol.tlog.trust import TrustPolicy

NO_TRUST = "no-trust"
"""Code of the problem that no trust file is installed."""

_COMPONENTS = ("tacita-node", "tacita-protocol", "openmined-psi")


@cache
def software() -> tuple[Software, ...]:
    """The components that a receipt names, with their versions: those of this process, looked up once."""
    return tuple(Software(name=name, version=version(name)) for name in _COMPONENTS)


def current_trust(services: NodeServices) -> TrustPolicy:
    """The installed trust policy. Raises `ProblemError` 409 when there is none that counts."""
    try:
        trust = services.trust
    except TrustRefused as error:
        raise ProblemError(409, "trust-refused", "The installed trust file cannot be followed.") from error
    if trust is None:
        raise ProblemError(409, NO_TRUST, "No trust file is installed yet, so no match can be verified.")
    return trust


def session_context(
    services: NodeServices,
    *,
    peer: str,
    peer_key: VerifyKey,
    responder_count: int,
    responder_engines: tuple[str, ...],
    custody: Digest,
    max_message_bytes: int,
) -> SessionContext:
    """The context of a session with `peer`. Raises `ProblemError` 409 without a trust policy.

    `responder_count` and `responder_engines` are the padded size and the engines on the card of the dataset.
    """
    identity = services.identity
    return SessionContext(
        partner=identity.partner,
        signing_key=identity.keys.signing,
        peer=peer,
        peer_key=peer_key,
        broker=identity.broker.broker,
        broker_key=identity.broker.key,
        trust=current_trust(services),
        software=software(),
        max_message_bytes=max_message_bytes,
        responder_count=responder_count,
        responder_engines=responder_engines,
        custody=custody,
    )


def peer_key_of(row: MatchRow) -> VerifyKey:
    """The key that the peer of this match signs with."""
    return VerifyKey.from_text(verify_card(row.peer_card).body.signing_key)


def context_of(services: NodeServices, row: MatchRow) -> SessionContext:
    """The context of a match that began earlier; no session will run in it."""
    return session_context(
        services,
        peer=row.peer,
        peer_key=peer_key_of(row),
        responder_count=row.responder_count,
        responder_engines=(),
        custody=Digest(row.custody),
        max_message_bytes=0,
    )


def longest_message(request: MatchRequest, *, responder_count: int) -> int:
    """Bytes of the longest message that any engine of a request (those known here) may send for its counts.

    The counts fix the number of partitions too. An engine that cannot take them sends nothing.
    """
    counts = {"requester_count": request.padded_count, "responder_count": responder_count}
    longest = 0
    for engine in (engine_named(name) for name in request.engines if name in ENGINE_NAMES):
        try:
            partitions = partitions_for(engine, request.mode, **counts)
        except LimitExceeded:
            continue
        for run in runs_of(request.result_to, **counts):
            size = RunParameters(
                bytes(SESSION_ID_SIZE), run.number, 0, run.receiver_count, run.sender_count, chunks=1, mode=request.mode
            )
            longest = max(longest, matching.longest_message(engine, size, partitions))
    return longest
