"""The custody chain: every act on data as a signed event that names the one before it.

Event n is a DSSE envelope around `{v, partner, number, prev, type, time, details}`, where `prev` is the SHA-256 of the
previous event's PAE (null for event 0) and numbers have no gaps. An event is written in the transaction of the act it
records: no act without its event, no event without its act.

A rotation of this node's keys is an event too, the last under the old key: it names the card whose key signs from there
on.

Details say what kind of thing happened to which dataset, source or match. They have no room for an identifier: each
key is listed here with the only shape its value may have.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_node.clock import Clock
from tacita_node.data.tables import CustodyRow, CustodySaltRow
from tacita_node.storage import Database
from tacita_protocol.crypto import dsse
from tacita_protocol.crypto.digest import Digest, digest_of
from tacita_protocol.crypto.jcs import JSONValue
from tacita_protocol.crypto.keys import SigningKey, VerifyKey
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.errors import ProofInvalid
from tacita_protocol.statements.statement import (
    Signed,
    Statement,
    payload_of,
    payload_type,
    sign_statement,
    verify_statement,
)
from tacita_protocol.statements.vocabulary import Code, HexDigest, PartnerId, UnixTime

ROTATED = "keys-rotated"
"""The type of the event after which another key signs."""

SALT_BYTES = 32
MAX_DETAILS = 16

NAMES = frozenset({"dataset", "owner", "partner", "peer"})
IDS = frozenset({"agreement", "match", "source"})
DIGESTS = frozenset({"acceptance", "card", "commitment", "digest", "grant", "policy", "receipt", "request"})
CODES = frozenset(
    {"engine", "extractor", "kind", "mode", "outcome", "reason", "result_to", "role", "sensitivity", "step"}
)
COUNTS = frozenset({"accepted", "charged", "duplicates", "epoch", "hits", "padded_size", "rejected", "rows"})

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_ID = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_CODE = re.compile(r"[a-z][a-z-]{0,62}(/[0-9]{1,4})?")
_MAX_COUNT = 2**53 - 1


class CustodyEvent(Statement):
    """One act on this node's data."""

    TYPE: ClassVar[str] = "custody-event"

    partner: PartnerId
    number: Annotated[int, Field(ge=0)]
    prev: HexDigest | None
    type: Code
    time: UnixTime
    details: Annotated[dict[str, str | int], Field(max_length=MAX_DETAILS)]


class CustodyChain:
    """Appends events. One chain a node; the database's single writer keeps the numbers without gaps."""

    def __init__(self, database: Database, *, partner: PartnerId, key: SigningKey, clock: Clock) -> None:
        self._database = database
        self._partner = partner
        self._key = key
        self._clock = clock

    async def record(
        self, event_type: str, details: Mapping[str, JSONValue], session: AsyncSession | None = None
    ) -> None:
        """Appends an event, in the caller's write transaction when it gives one.

        Raises `ValueError` for a detail that is not listed in this module or does not have its shape.
        """
        checked = _checked(details)
        if session is not None:
            await self._append(session, event_type, checked)
            return
        async with self._database.write() as own:
            await self._append(own, event_type, checked)

    async def salted_head(self) -> Digest:
        """SHA-256(salt || head) under a fresh salt, for a receipt: it fixes the chain's state and shows nothing of it.

        An empty chain has 32 zero bytes as its head. The salt is kept, so that this node can show the head later.
        """
        salt = random_bytes(SALT_BYTES)
        async with self._database.write() as session:
            last = await _last(session)
            head = bytes(32) if last is None else bytes.fromhex(last.head)
            salted = digest_of(salt + head)
            session.add(CustodySaltRow(salted=salted, salt=salt.hex(), number=-1 if last is None else last.number))
        return salted

    async def events(self) -> list[str]:
        """Every envelope, in order."""
        async with self._database.read() as session:
            return list((await session.scalars(select(CustodyRow.envelope).order_by(CustodyRow.number))).all())

    async def _append(self, session: AsyncSession, event_type: str, details: dict[str, str | int]) -> None:
        last = await _last(session)
        event = CustodyEvent(
            partner=self._partner,
            number=0 if last is None else last.number + 1,
            prev=None if last is None else Digest(last.head),
            type=event_type,
            time=self._clock(),
            details=details,
        )
        signed = sign_statement(event, self._key)
        session.add(CustodyRow(number=event.number, head=head_of(signed), envelope=signed.envelope))
        await session.flush()


def head_of(event: Signed[CustodyEvent]) -> Digest:
    """SHA-256 of the event's PAE, which the next event carries as `prev`."""
    return digest_of(dsse.pae(payload_type(CustodyEvent), payload_of(event.body)))


def verify_chain(
    envelopes: Sequence[str], *, partner: str, key: VerifyKey, later: Mapping[Digest, VerifyKey] | None = None
) -> Digest | None:
    """Verifies a whole chain from event 0 and returns its head, None when it is empty.

    `key` is the one of the partner's first card, `later` those of its other cards, by the card's digest. Raises
    `ProofInvalid`, or what a statement that does not verify raises.
    """
    prev: Digest | None = None
    for number, envelope in enumerate(envelopes):
        event = verify_statement(CustodyEvent, envelope, key)
        if event.body.partner != partner:
            raise ProofInvalid(f"custody event {number} is another partner's")
        if event.body.number != number:
            raise ProofInvalid(f"custody event {number} is missing or out of order")
        if event.body.prev != prev:
            raise ProofInvalid(f"custody event {number} does not name the event before it")
        prev = head_of(event)
        if event.body.type == ROTATED:
            following = (later or {}).get(Digest(str(event.body.details.get("card"))))
            if following is None:
                raise ProofInvalid(f"custody event {number} names a card that is not the partner's")
            key = following
    return prev


async def _last(session: AsyncSession) -> CustodyRow | None:
    return (await session.scalars(select(CustodyRow).order_by(CustodyRow.number.desc()).limit(1))).first()


def _checked(details: Mapping[str, JSONValue]) -> dict[str, str | int]:
    checked: dict[str, str | int] = {}
    for key, value in details.items():
        shape = next((shape for names, shape in _SHAPES if key in names), None)
        if (isinstance(value, str) and shape is not None and shape.fullmatch(value) is not None) or (
            isinstance(value, int) and not isinstance(value, bool) and key in COUNTS and 0 <= value <= _MAX_COUNT
        ):
            checked[key] = value
        else:
            raise ValueError("a custody event has room for listed details of their listed shape only")
    return checked


_SHAPES = ((NAMES, _NAME), (IDS, _ID), (DIGESTS, _DIGEST), (CODES, _CODE))
