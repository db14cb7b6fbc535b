"""All tables of the broker, imported for their registration with one metadata (migrations and their test)."""

from tacita_broker.access.tables import NonceHorizonRow, NonceRow
from tacita_broker.agreements.tables import AgreementRow
from tacita_broker.catalogue.tables import DatasetRow
from tacita_broker.inbox.tables import InboxRow
from tacita_broker.lifecycle.tables import RevocationRow
from tacita_broker.log.tables import (
    LogCheckpointRow,
    LogCosignatureRow,
    LogEntryRow,
    LogHeadRow,
    LogStageRow,
    TrustFileRow,
)
from tacita_broker.matches.tables import MatchRow
from tacita_broker.partners.tables import InvitationRow, PartnerRow, PastKeyRow
from tacita_broker.relay.tables import FrameRow

TABLES = (
    AgreementRow,
    DatasetRow,
    FrameRow,
    InboxRow,
    InvitationRow,
    LogCheckpointRow,
    LogCosignatureRow,
    LogEntryRow,
    LogHeadRow,
    LogStageRow,
    MatchRow,
    NonceHorizonRow,
    NonceRow,
    PartnerRow,
    PastKeyRow,
    RevocationRow,
    TrustFileRow,
)
