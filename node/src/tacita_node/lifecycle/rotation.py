"""Replacing this node's signing and sealing keys, while the node does not run.

What a crash may interrupt, and why it can always be finished:

1. What still runs is ended under the old key: interrupted matches are aborted, and last words are delivered, because
   the broker takes none of them under another key.
2. The new keys are sealed beside the old (`keys.next`), then the rotation and the new card are kept (`rotation.json`).
   Before that file exists, nobody has heard of them: they are made anew.
3. The broker is told. Whether it has taken the rotation is asked of the broker itself, with the new key: it opens only
   to the key in force.
4. It has: one transaction writes the custody event, the last under the old key, and ends what was bound to the old
   card. Then the files are replaced; `rotation.json` is removed last. Each of these steps may be repeated.
5. It has refused, under its own signature: the new keys are dropped, and nothing has changed.

`run` finishes a rotation that was begun before it starts the node.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import httpx2
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import update

from tacita_node.agreements.endings import void_in
from tacita_node.broker_link.tls import trusted
from tacita_node.clock import Clock
from tacita_node.config import NodeDirectory, Settings
from tacita_node.data.custody import ROTATED
from tacita_node.identity import Identity, IdentityBroken, NodeKeys, load_identity, verify_card, write_private
from tacita_node.lifecycle.last_words import say_last_words
from tacita_node.lifecycle.tables import PastCardRow, RevocationRow
from tacita_node.services import NodeServices, open_services
from tacita_node.storage import Database, migrate, place_of
from tacita_node.workers import ThreadWorkers
from tacita_policies.bundle import Bundle
from tacita_policies.decision import DecisionPoint
from tacita_policies.embedded import EmbeddedDecisionPoint
from tacita_protocol.errors import ProtocolError
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.rotation import KeyRotation, verify_rotation
from tacita_protocol.statements.statement import Signed, sign_statement, unverified
from tacita_sdk.broker import BrokerClient
from tacita_sdk.errors import BrokerProblem

KEY_REFUSED = "signature"
"""The broker's code for a request that no key in force has signed."""


class RotationRefused(Exception):
    """The keys were not replaced; the message says why and what to do."""


class _Begun(BaseModel):
    """Contents of `rotation.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    rotation: str
    card: str


@dataclass(frozen=True)
class _Next:
    """A rotation that was begun, verified against the card that it replaces."""

    keys: NodeKeys
    card: Signed[PartnerCard]
    rotation: Signed[KeyRotation]


class Rotation:
    """The rotation of one node's keys. The caller holds the directory's lock.

    Args:
        passphrase: of the key file; the new one is sealed under it as well.
        transport: how to reach the broker; None for the network.
        decision_point: one that runs already; None for the packaged bundle. Nothing is decided here.
    """

    def __init__(
        self,
        directory: NodeDirectory,
        settings: Settings,
        passphrase: bytes,
        *,
        clock: Clock,
        transport: httpx2.AsyncBaseTransport | None = None,
        decision_point: DecisionPoint | None = None,
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._passphrase = passphrase
        self._clock = clock
        self._transport = transport
        self._decision_point = decision_point

    async def rotate(self) -> Identity:
        """Replaces the keys, or finishes a rotation that was begun; the identity from now on.

        Raises `RotationRefused`, `IdentityBroken`, or what the broker client raises: then call it again.
        """
        if not self._directory.rotation.exists():
            identity = load_identity(self._directory, self._passphrase)
            async with self._services(identity) as services:
                await say_last_words(services)
            self._begin(identity)
        return await self.finish()

    async def finish(self) -> Identity:
        """Finishes a rotation that was begun, if there is one; the identity in force. Raises as `rotate`."""
        if self._directory.rotation.exists():
            begun = self._read()
            if not await self._recorded(begun):
                identity = load_identity(self._directory, self._passphrase)
                following = self._verified(begun, identity)
                await self._put_in_force(identity, following)
                async with self._services(identity) as services:
                    await self._record(services, following)
            self._replace_files(begun)
        return load_identity(self._directory, self._passphrase)

    def _begin(self, identity: Identity) -> None:
        keys = identity.keys.renewed()
        now = self._clock()
        named = {"signing_key": keys.signing.verify_key.text, "sealing_key": keys.sealing.public_key.text}
        card = sign_statement(identity.card.body.model_copy(update={**named, "issued": now}), keys.signing)
        body = KeyRotation(partner=identity.partner, replaces=identity.card.digest, card=card.digest, issued=now)
        rotation = sign_statement(body, identity.keys.signing, keys.signing)
        write_private(self._directory.next_keys, keys.seal(self._passphrase))
        begun = _Begun(rotation=rotation.envelope, card=card.envelope)
        write_private(self._directory.rotation, begun.model_dump_json(indent=1).encode() + b"\n")

    def _read(self) -> _Begun:
        try:
            return _Begun.model_validate_json(self._directory.rotation.read_bytes())
        except ValidationError as error:
            raise IdentityBroken("rotation.json was changed: it cannot be read") from error

    def _verified(self, begun: _Begun, identity: Identity) -> _Next:
        if not self._directory.next_keys.is_file():
            raise IdentityBroken("keys.next is missing: this rotation cannot be finished")
        keys = NodeKeys.unseal(self._directory.next_keys.read_bytes(), self._passphrase)
        try:
            card = verify_card(begun.card)
            rotation = verify_rotation(begun.rotation, old=identity.card, new=card)
        except ProtocolError as error:
            raise IdentityBroken("rotation.json was changed: it does not verify") from error
        if card.body.signing_key != keys.signing.verify_key.text:
            raise IdentityBroken("rotation.json names another key than keys.next holds")
        return _Next(keys, card, rotation)

    async def _put_in_force(self, identity: Identity, following: _Next) -> None:
        """Returns once the broker has the new card in force. Drops the rotation when the broker refuses it."""
        verify = trusted(self._settings.broker_ca)
        async with httpx2.AsyncClient(transport=self._transport, trust_env=False, verify=verify) as client:
            new = self._client(identity, following.keys, client)
            if await _in_force(new, following.card):
                return
            old = self._client(identity, identity.keys, client)
            try:
                await old.rotate(following.rotation.envelope, following.card.envelope)
            except BrokerProblem as problem:
                if problem.code == KEY_REFUSED:
                    raise RotationRefused(
                        "the broker accepts neither the present key nor the new one: ask its operator whether this "
                        "partner was revoked"
                    ) from None
                if problem.status >= 500 or problem.status == 401 or not problem.proven:
                    raise
                self._drop()
                raise RotationRefused(f"the broker refused the rotation, and nothing was changed: {problem}") from None

    async def _recorded(self, begun: _Begun) -> bool:
        """Whether the transaction that ends the old card was made."""
        place = place_of(self._settings.database, self._directory.database)
        migrate(place)
        database = Database(place)
        try:
            async with database.read() as session:
                return await session.get(PastCardRow, unverified(KeyRotation, begun.rotation).replaces) is not None
        finally:
            await database.close()

    async def _record(self, services: NodeServices, following: _Next) -> None:
        now = self._clock()
        old = services.identity.card
        async with services.database.write() as session:
            session.add(
                PastCardRow(digest=old.digest, card=old.envelope, rotation=following.rotation.envelope, replaced=now)
            )
            await services.datasets.withdraw_in(session)
            await void_in(session, now=now)
            # The broker has ended all of that by itself, and takes nothing more under the old key.
            waiting = update(RevocationRow).where(RevocationRow.waiting.is_(True))
            await session.execute(waiting.values(waiting=False, refused=ROTATED))
            details = {"card": following.card.digest, "digest": following.rotation.digest}
            await services.custody.record(ROTATED, details, session)

    def _replace_files(self, begun: _Begun) -> None:
        if self._directory.next_keys.exists():
            write_private(self._directory.card, begun.card.encode("ascii") + b"\n")
            write_private(self._directory.keys, self._directory.next_keys.read_bytes())
            self._directory.next_keys.unlink()
        self._directory.rotation.unlink()

    def _drop(self) -> None:
        self._directory.rotation.unlink()
        self._directory.next_keys.unlink()

    def _client(self, identity: Identity, keys: NodeKeys, client: httpx2.AsyncClient) -> BrokerClient:
        return BrokerClient(
            identity.broker.url,
            broker_id=identity.broker.broker,
            broker_key=identity.broker.key,
            partner=identity.partner,
            signing_key=keys.signing,
            clock=self._clock,
            client=client,
        )

    def _services(self, identity: Identity) -> AbstractAsyncContextManager[NodeServices]:
        """The node's services, without processes: nothing is computed or decided here."""
        return open_services(
            self._directory,
            self._settings,
            identity,
            clock=self._clock,
            transport=self._transport,
            decision_point=self._decision_point or EmbeddedDecisionPoint(Bundle.load()),
            workers=ThreadWorkers(),
        )


async def _in_force(client: BrokerClient, card: Signed[PartnerCard]) -> bool:
    try:
        view = await client.partner(card.body.partner)
    except BrokerProblem as problem:
        if problem.code == KEY_REFUSED:
            return False
        raise
    return view.card == card.envelope
