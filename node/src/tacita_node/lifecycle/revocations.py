"""Revoking what is this node's own, and hearing of what others revoked.

1. An own revocation counts from its commit here, whatever becomes of it: the dataset is not served, the agreement
   covers nothing. It is stored signed, with its custody event, and the same bytes go to the broker until it has taken
   them, or says for good that it has nothing to revoke (`delivery`).
2. What the broker lists is believed under the signature of whoever may say it: a partner's end under the broker's key,
   an agreement's under the key of its other party, by the card that it names. It counts without waiting for the log's
   proof: to refuse is safe. What does not verify is passed over.
"""

import asyncio

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_node.agreements.endings import revoke_in
from tacita_node.agreements.known import KnownAgreement
from tacita_node.agreements.service import AgreementService
from tacita_node.agreements.tables import AgreementRow
from tacita_node.clock import Clock
from tacita_node.data.custody import CustodyChain
from tacita_node.data.service import DatasetService
from tacita_node.data.tables import existing_dataset
from tacita_node.identity import Identity, verify_card
from tacita_node.lifecycle.tables import RevocationCursor, RevocationRow
from tacita_node.problems import ProblemError
from tacita_node.storage import Database
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.errors import PeerViolation, ProtocolError
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.revocation import (
    Revocation,
    RevokedAgreement,
    RevokedDataset,
    RevokedPartner,
    Subject,
    may_revoke,
)
from tacita_protocol.statements.statement import Signed, sign_statement, unverified, verify_statement
from tacita_sdk.broker import BrokerClient
from tacita_sdk.errors import BrokerProblem, ResponseUntrusted

REASON = "no-longer-needed"
"""The reason that this node's own revocations give: why exactly is nobody else's business."""

_CURSOR = 1
_log = structlog.get_logger(__name__)


class RevocationService:
    """Revocations of this node, and those that it heard of."""

    def __init__(
        self,
        database: Database,
        *,
        identity: Identity,
        custody: CustodyChain,
        broker: BrokerClient,
        datasets: DatasetService,
        agreements: AgreementService,
        clock: Clock,
    ) -> None:
        self._database = database
        self._identity = identity
        self._custody = custody
        self._broker = broker
        self._datasets = datasets
        self._agreements = agreements
        self._clock = clock
        self.to_deliver = asyncio.Event()
        """Set when there is an own revocation to deliver."""

    async def withdraw(self, dataset: str) -> str:
        """Withdraws every epoch of an own dataset; the digest of the revocation. Repeating it changes nothing.

        Raises `ProblemError` when there is no such dataset, or it was never published.
        """
        subject = RevokedDataset(partner=self._identity.partner, dataset=dataset, epoch=None)
        async with self._database.write() as session:
            if await existing_dataset(session, dataset) is None:
                raise ProblemError(404, "no-such-dataset", "This node has no dataset of that name.")
            if await self._datasets.withdraw_in(session, dataset):
                signed = await self._sign(session, subject, dataset)
                details = {"dataset": dataset, "digest": signed.digest}
                await self._custody.record("dataset-withdrawn", details, session)
                digest: str | None = signed.digest
            else:
                latest = await _latest(session, subject.type, dataset)
                digest = None if latest is None else latest.digest
        if digest is None:
            raise ProblemError(409, "not-published", "This dataset is not published, so there is nothing to withdraw.")
        self.to_deliver.set()
        return digest

    async def revoke_agreement(self, agreement: str) -> tuple[KnownAgreement, str | None]:
        """Revokes an agreement that this node is a party to; it, and the digest of the own revocation if there is one.

        Repeating it changes nothing, nor does it when the agreement has ended otherwise. Raises `ProblemError` 404.
        """
        known = await self._agreements.agreement(agreement)
        subject = RevokedAgreement(agreement=agreement)
        async with self._database.write() as session:
            if await revoke_in(session, agreement, now=self._clock()):
                signed = await self._sign(session, subject, agreement)
                await self._record_end(session, agreement, known.peer, signed)
            latest = await _latest(session, subject.type, agreement)
        self.to_deliver.set()
        return await self._agreements.agreement(agreement), None if latest is None else latest.digest

    async def waits(self, digest: str) -> bool:
        """Whether the broker has still to take this own revocation."""
        async with self._database.read() as session:
            return (await session.get_one(RevocationRow, digest)).waiting

    async def read_on(self) -> None:
        """Reads the broker's list from where this node has read it, and follows it. Raises what the broker raises."""
        async with self._database.read() as session:
            row = await session.get(RevocationCursor, _CURSOR)
        after = 0 if row is None else row.number
        while True:
            listed = await self._broker.revocations(after)
            for view in listed.revocations:
                if view.number <= after:
                    raise ResponseUntrusted("the broker's list of revocations goes back")
                try:
                    await self._follow(view.envelope)
                except ProtocolError as error:
                    _log.warning("revocation-passed-over", number=view.number, error=type(error).__name__)
                after = view.number
            if not listed.revocations:
                return
            async with self._database.write() as session:
                await session.merge(RevocationCursor(id=_CURSOR, number=after))

    async def _follow(self, envelope: str) -> None:
        """Verifies a revocation and does what it says. Raises a `ProtocolError` for one that does not count."""
        claimed = unverified(Revocation, envelope)
        match claimed.subject:
            case RevokedPartner(partner=partner):
                await self._partner_revoked(verify_statement(Revocation, envelope, self._identity.broker.key), partner)
            case RevokedAgreement(agreement=agreement) if claimed.issuer != self._identity.partner:
                await self._agreement_revoked(envelope, claimed.issuer, agreement)
            case _:
                return  # own ones are known here; others do not concern this node

    async def _partner_revoked(self, signed: Signed[Revocation], partner: str) -> None:
        body = signed.body
        if body.issuer != self._identity.broker.broker or not may_revoke(body.issuer, body.subject, is_broker=True):
            raise PeerViolation("the revocation is not the broker's", field="issuer")
        async with self._database.write() as session:
            if await session.get(RevocationRow, signed.digest) is not None:
                return
            session.add(self._row(signed, partner, waiting=False))
            await self._custody.record("partner-revoked", {"partner": partner, "digest": signed.digest}, session)

    async def _agreement_revoked(self, envelope: str, issuer: str, agreement: str) -> None:
        card = await self._card_of(issuer)
        signed = verify_statement(Revocation, envelope, VerifyKey.from_text(card.body.signing_key))
        async with self._database.write() as session:
            row = await session.get(AgreementRow, agreement)
            sides = () if row is None else unverified(Agreement, row.envelope).parties
            cards = {side.partner: side.card for side in sides}
            if cards.get(issuer) != card.digest or not may_revoke(
                issuer, signed.body.subject, is_broker=False, parties=tuple(cards)
            ):
                raise PeerViolation("the issuer is no party to such an agreement", field="issuer")
            if await session.get(RevocationRow, signed.digest) is not None:
                return
            session.add(self._row(signed, agreement, waiting=False))
            if await revoke_in(session, agreement, now=self._clock()):
                await self._record_end(session, agreement, issuer, signed)

    async def _card_of(self, issuer: str) -> Signed[PartnerCard]:
        """The confirmed card of an issuer, else the one that the broker shows: the agreement says whether it counts.

        What an issuer revokes while its confirmation is taken back must not hold again once that is given anew.
        """
        card = await self._agreements.partners.remembered_card(issuer)
        if card is not None:
            return card
        try:
            view = await self._broker.partner(issuer)
        except BrokerProblem as problem:
            if problem.status != 404:
                raise
            raise PeerViolation("the broker knows no such issuer", field="issuer") from problem
        return verify_card(view.card)

    async def _sign(self, session: AsyncSession, subject: Subject, name: str) -> Signed[Revocation]:
        issued = self._clock()
        if (latest := await _latest(session, subject.type, name)) is not None:
            # Withdrawn, published and withdrawn within a second: with the same bytes it would be a repetition.
            issued = max(issued, latest.issued + 1)
        body = Revocation(issuer=self._identity.partner, subject=subject, reason=REASON, issued=issued)
        signed = sign_statement(body, self._identity.keys.signing)
        session.add(self._row(signed, name, waiting=True))
        return signed

    def _row(self, signed: Signed[Revocation], name: str, *, waiting: bool) -> RevocationRow:
        return RevocationRow(
            digest=signed.digest,
            type=signed.body.subject.type,
            name=name,
            envelope=signed.envelope,
            waiting=waiting,
            refused=None,
            issued=signed.body.issued,
        )

    async def _record_end(self, session: AsyncSession, agreement: str, peer: str, signed: Signed[Revocation]) -> None:
        details = {"agreement": agreement, "peer": peer, "digest": signed.digest}
        await self._custody.record("agreement-revoked", details, session)


async def _latest(session: AsyncSession, subject_type: str, name: str) -> RevocationRow | None:
    named = select(RevocationRow).where(RevocationRow.type == subject_type, RevocationRow.name == name)
    return (await session.scalars(named.order_by(RevocationRow.issued.desc()).limit(1))).first()
