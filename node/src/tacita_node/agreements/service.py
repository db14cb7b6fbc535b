"""Agreements: proposed, received, signed; and which of them covers a match.

An agreement's life at one node::

    (we draft)        propose   ---->  proposed  -- the other's signature comes -->  signed
    (they drafted)    received  ---->  received  -- a person here signs --------->  signed

    each of them      ---- a party revokes it ---->  revoked     ---- a card of it is replaced ---->  void
                      ---- the broker revokes the other party ---->  shown as partner-revoked; stored as it was

1. An agreement binds to cards: each party's entry is the digest of a card. It must be our own card, and the other
   party's confirmed one, when we sign, when the other's signature comes, and every time we rely on it.
2. What arrives may come before we confirmed the sender. It is kept to be shown, and believed only when signed.
3. An agreement's id names one content for ever: the same id with other content is refused, even where the first was
   false. Else what a person read and what the same id makes the node sign could be two things.
4. The policy of this node must permit an agreement before we sign it, whoever proposed it.
5. What we send is stored first, and goes out again, the same bytes, until the broker took it.
"""

import asyncio

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_node.agreements.drafts import agreement_from
from tacita_node.agreements.endings import ENDED, has_ended, replace_in
from tacita_node.agreements.known import KnownAgreement, known_agreement, known_agreements
from tacita_node.agreements.partners import PartnerBook
from tacita_node.agreements.policy import AgreementPolicy
from tacita_node.agreements.tables import AgreementRow
from tacita_node.agreements.verification import other_party, verify_offer, verify_signed
from tacita_node.clock import Clock
from tacita_node.config import Limits
from tacita_node.data.custody import CustodyChain
from tacita_node.problems import ProblemError
from tacita_node.storage import Database
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.errors import LimitExceeded, PeerViolation, ProtocolError
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.agreement import Agreement, Term
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.statement import (
    Signed,
    add_signature,
    payload_of,
    sign_statement,
    unverified,
)
from tacita_protocol.statements.vocabulary import Mode, ResultTo
from tacita_sdk.broker import BrokerClient
from tacita_sdk.node_api import AgreementDraft

PROPOSED, RECEIVED, SIGNED = "proposed", "received", "signed"


class AgreementService:
    """Agreements of this node."""

    def __init__(
        self,
        database: Database,
        *,
        own: Signed[PartnerCard],
        key: SigningKey,
        custody: CustodyChain,
        broker: BrokerClient,
        policy: AgreementPolicy,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._database = database
        self._own = own
        self._key = key
        self._custody = custody
        self._broker = broker
        self._clock = clock
        self._limits = limits
        self.policy = policy
        self._changing = asyncio.Lock()
        self.partners = PartnerBook(
            database, own=own.body.partner, custody=custody, broker=broker, clock=clock, limit=limits.partners
        )

    async def confirmed_card(self, partner: str) -> Signed[PartnerCard] | None:
        """The partner's card that a person confirmed here, None when there is none."""
        return await self.partners.confirmed_card(partner)

    async def propose(self, draft: AgreementDraft) -> KnownAgreement:
        """Signs a draft first and sends it to the other party. Raises `ProblemError`, or what the broker raises."""
        peer = await self.partners.party(draft.with_)
        body = agreement_from(draft, own=self._own, peer=peer, now=self._clock())
        await self.policy.require(body, peer.body)
        signed = sign_statement(body, self._key)
        row = self._row(signed.body, signed.envelope, peer=draft.with_, state=PROPOSED, sent=False)
        async with self._database.write() as session:
            session.add(row)
            await self._record("agreement-proposed", row, session)
        await self._send(row)
        return await known_agreement(self._database, row)

    async def received(self, envelope: str) -> None:
        """Takes an agreement that came through the broker: a proposal, or the other's signature under our own.

        Raises a `ProtocolError` for one that is not for us, does not verify, or is not what it was; nothing is stored.
        """
        if len(envelope) > self._limits.agreement_envelope_bytes:
            raise LimitExceeded("an agreement is longer than this node accepts")
        body = unverified(Agreement, envelope)
        theirs = other_party(body, self._own)
        async with self._changing:
            stored = await self._find(body.agreement)
            if stored is None:
                await self._offered(body, envelope, theirs.partner)
            elif stored.envelope == envelope:
                return  # known already: the inbox may say it twice
            elif stored.state in ENDED:
                raise PeerViolation("this agreement has ended here", field="agreement")
            elif stored.state == RECEIVED:
                raise PeerViolation("this id already names another agreement", field="agreement")
            else:
                await self._completed(stored, envelope)

    async def sign(self, agreement: str) -> KnownAgreement:
        """Adds our signature to a received agreement and sends it; again if it did not go out.

        Raises `ProblemError`, or what the broker raises.
        """
        async with self._changing:
            row = await self._existing(agreement)
            if row.state in ENDED or await self.partners.is_revoked(row.peer):
                raise has_ended()
            if row.state == RECEIVED:
                row = await self._sign_received(row)
        if row.state == PROPOSED and row.sent:
            raise ProblemError(409, "waiting", "This node has signed; the other party's signature has not come yet.")
        await self._send(row)
        return await known_agreement(self._database, row)

    async def agreements(
        self, limit: int | None = None, *, after: tuple[int, str] | None = None
    ) -> list[KnownAgreement]:
        """The agreements known here, the latest change first: at most `limit`, after the one of that change and id."""
        return await known_agreements(self._database, limit, after=after)

    async def agreement(self, agreement: str) -> KnownAgreement:
        """One agreement. Raises `ProblemError` when it is not known here."""
        return await known_agreement(self._database, await self._existing(agreement))

    async def covering(
        self,
        *,
        requester: str,
        responder: str,
        owner: str,
        dataset: str,
        kind: Kind,
        mode: Mode,
        result_to: ResultTo,
        purpose: str,
        legal_basis: str,
        now: int,
        digest: str | None = None,
        engine: str | None = None,
    ) -> tuple[Signed[Agreement], Term] | None:
        """The newest agreement, signed by both and in force, that allows this match; None when there is none.

        `digest`: only that one will do. Everything is verified again: both signatures, and that each side's card is
        still our own and the confirmed one.
        """
        own = self._own.body.partner
        if own not in (requester, responder) or requester == responder:
            return None
        peer = requester if own == responder else responder
        card = await self.confirmed_card(peer)
        if card is None:
            return None
        wanted = select(AgreementRow).where(AgreementRow.peer == peer, AgreementRow.state == SIGNED)
        if digest is not None:
            wanted = wanted.where(AgreementRow.digest == digest)
        async with self._database.read() as session:
            rows = (await session.scalars(wanted.order_by(AgreementRow.changed.desc(), AgreementRow.agreement))).all()
        for row in rows:
            try:
                signed = verify_signed(row.envelope, own=self._own, peer=card)
            except ProtocolError:
                continue  # the cards or the stored bytes changed: it covers nothing any more
            term = signed.body.covering_term(
                owner=owner,
                dataset=dataset,
                requester=requester,
                kind=kind,
                mode=mode,
                result_to=result_to,
                purpose=purpose,
                legal_basis=legal_basis,
                at=now,
                engine=engine,
            )
            if term is not None and signed.digest == row.digest:
                return signed, term
        return None

    # --- each step ----------------------------------------------------------------------------------------------------

    async def _offered(self, body: Agreement, envelope: str, peer: str) -> None:
        if self._clock() >= body.not_after:
            raise PeerViolation("the agreement has ended", field="not_after")
        card = await self.confirmed_card(peer)
        if card is not None:
            verify_offer(envelope, own=self._own, peer=card)
        pending = select(func.count()).select_from(AgreementRow).where(AgreementRow.state == RECEIVED)
        row = self._row(body, envelope, peer=peer, state=RECEIVED, sent=True)
        async with self._database.write() as session:
            of_peer = await session.scalar(pending.where(AgreementRow.peer == peer)) or 0
            of_all = await session.scalar(pending) or 0
            crowded = of_all >= self._limits.agreements_pending_in_all
            # What strangers (or a broker that invents them) pile up does not shut out a confirmed partner.
            if of_peer >= self._limits.agreements_pending or (crowded and card is None):
                raise LimitExceeded("too many agreements wait for a signature here")
            session.add(row)
            await self._record("agreement-received", row, session)

    async def _completed(self, stored: AgreementRow, envelope: str) -> None:
        """The counterpart's signature under what we proposed; anything else is refused."""
        card = await self.confirmed_card(stored.peer)
        if card is None:
            raise PeerViolation("the other party's card is not confirmed", field="parties")
        signed = verify_signed(envelope, own=self._own, peer=card)
        if signed.digest != stored.digest:
            raise PeerViolation("this id already names another agreement", field="agreement")
        stored.envelope, stored.state, stored.sent, stored.changed = signed.envelope, SIGNED, True, self._clock()
        async with self._database.write() as session:
            await replace_in(session, stored)
            await self._record("agreement-signed", stored, session)

    async def _sign_received(self, row: AgreementRow) -> AgreementRow:
        card = await self.partners.party(row.peer)
        try:
            offered = verify_offer(row.envelope, own=self._own, peer=card)
        except PeerViolation:
            detail = "This agreement names another card than the confirmed one."
            raise ProblemError(409, "card-differs", detail) from None
        except ProtocolError:
            raise ProblemError(409, "agreement-invalid", "The confirmed partner did not sign this agreement.") from None
        if self._clock() >= offered.body.not_after:
            raise ProblemError(409, "agreement-ended", "This agreement has ended before it was signed.")
        await self.policy.require(offered.body, card.body)
        signed = add_signature(offered, self._key)
        row.envelope, row.state, row.sent, row.changed = signed.envelope, SIGNED, False, self._clock()
        async with self._database.write() as session:
            await replace_in(session, row)
            await self._record("agreement-signed", row, session)
        return row

    async def _send(self, row: AgreementRow) -> None:
        if row.sent:
            return
        await self._broker.send_agreement(row.envelope)
        async with self._database.write() as session:
            stored = await session.get_one(AgreementRow, row.agreement)
            if stored.envelope == row.envelope:  # the other's signature may have come meanwhile
                stored.sent = True

    async def _find(self, agreement: str) -> AgreementRow | None:
        async with self._database.read() as session:
            return await session.get(AgreementRow, agreement)

    async def _existing(self, agreement: str) -> AgreementRow:
        row = await self._find(agreement)
        if row is None:
            raise ProblemError(404, "no-such-agreement", "This node knows no such agreement.")
        return row

    def _row(self, body: Agreement, envelope: str, *, peer: str, state: str, sent: bool) -> AgreementRow:
        return AgreementRow(
            agreement=body.agreement,
            peer=peer,
            state=state,
            digest=digest_of(payload_of(body)),
            envelope=envelope,
            sent=sent,
            changed=self._clock(),
        )

    async def _record(self, event: str, row: AgreementRow, session: AsyncSession) -> None:
        details = {"agreement": row.agreement, "peer": row.peer, "digest": row.digest}
        await self._custody.record(event, details, session)
