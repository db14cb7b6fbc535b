"""What an administrator does with a broker, running or not: everything goes through its database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import func, select

from tacita_broker.bell import Bell
from tacita_broker.clock import system_clock
from tacita_broker.config import Settings
from tacita_broker.directory import BrokerDirectory
from tacita_broker.errors import ConfigurationRefused, UsageRefused
from tacita_broker.files import write_durably
from tacita_broker.inbox.service import InboxService
from tacita_broker.lifecycle.revocations import Revocations
from tacita_broker.log.tables import TrustFileRow
from tacita_broker.partners.enrolment import Enrolment, check_witness_lines
from tacita_broker.partners.tables import PartnerRow, PartnerStatus
from tacita_broker.storage import Database
from tacita_protocol.errors import ProtocolError
from tacita_protocol.tlog.trust import NO_QUORUM, TrustPolicy

MAX_TRUST_BYTES = 64 * 1024


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[tuple[Settings, Database]]:
    """A broker's settings and database, for one command. Raises `ConfigurationRefused`."""
    settings = BrokerDirectory(path).settings()
    database = Database(settings.database)
    try:
        await database.check()
        yield settings, database
    finally:
        await database.close()


@asynccontextmanager
async def enrolment(path: Path) -> AsyncIterator[Enrolment]:
    """Invitations and approvals of the broker in a directory."""
    async with opened(path) as (settings, database):
        yield Enrolment(database, settings, system_clock)


async def revoke_partner(path: Path, passphrase: bytes, partner: str, reason: str) -> str:
    """Revoke a partner of the broker in a directory; the signed revocation. A running broker refuses it from now on.

    Raises `ConfigurationRefused`.
    """
    key = BrokerDirectory(path).keys(passphrase).signing
    async with opened(path) as (settings, database):
        bell = Bell()  # a running broker hears nothing of it: it looks into the database by itself
        revocations = Revocations(database, InboxService(database, settings, bell), settings, system_clock, bell)
        return await revocations.revoke_partner(partner, reason, key)


async def issue_trust(path: Path, file: Path, *, replace: bool) -> TrustPolicy:
    """Make `file` the federation's trust file. A running broker follows within a second.

    Raises `ConfigurationRefused` when it is not readable, is for another log, demands no witness, names a partner with
    another key, or another file has been issued and `replace` is not set.
    """
    trust = _read_trust(file)
    async with opened(path) as (settings, database):
        if trust.log.vkey != settings.log_vkey:
            raise ConfigurationRefused("the trust file's log line is not this broker's log; see `tacita-broker info`")
        async with database.write() as session:
            newest = select(TrustFileRow).order_by(TrustFileRow.id.desc()).limit(1)
            issued = (await session.execute(newest)).scalar_one_or_none()
            if issued is not None and issued.text == trust.text:
                return trust
            if issued is not None and not replace:
                raise ConfigurationRefused("another trust file has been issued; give --replace if all partners know")
            # Those that wait for approval are checked when they get it: until then they can stop nothing.
            for row in await session.scalars(select(PartnerRow).where(PartnerRow.status == PartnerStatus.APPROVED)):
                check_witness_lines(trust, row.partner, row.witness_key)
            count = (await session.execute(select(func.count()).select_from(TrustFileRow))).scalar_one()
            session.add(TrustFileRow(id=count + 1, text=trust.text, issued=system_clock()))
    write_durably(BrokerDirectory(path).trust_file, trust.text.encode())
    return trust


def _read_trust(file: Path) -> TrustPolicy:
    try:
        data = file.read_bytes()
        if len(data) > MAX_TRUST_BYTES:
            raise ConfigurationRefused("the trust file is too large")
        trust = TrustPolicy.parse(data.decode())
    except OSError as error:
        raise UsageRefused(f"the trust file {file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationRefused("the trust file is not text") from error
    except ProtocolError as error:
        raise ConfigurationRefused(f"the trust file is not one: {error}") from error
    if trust.quorum == NO_QUORUM:
        raise ConfigurationRefused("the trust file demands no witness, so its proofs would prove nothing")
    if not trust.quorums_overlap:
        raise ConfigurationRefused(
            "two quorums of the trust file have no witness in common, so a forked log would verify on both sides"
        )
    return trust
