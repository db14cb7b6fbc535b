"""Who may change a partner's keys, and who may revoke what."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.errors import MalformedMessage, PeerViolation, ProtocolError, SignatureInvalid
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.revocation import (
    RevokedAgreement,
    RevokedDataset,
    RevokedGrant,
    RevokedKey,
    RevokedPartner,
    Subject,
    may_revoke,
)
from tacita_protocol.statements.rotation import verify_rotation
from tacita_protocol.statements.statement import Signed, sign_statement
from tacita_protocol.statements.vocabulary import PartnerKind
from tests.support.later_statements import KEY_ROTATION, NEW_CARD, NEW_SIGNED, OLD_SIGNED
from tests.support.memory_log import key_named
from tests.support.statements import MATCH, PARTNER_CARD, named

OLD_KEY, NEW_KEY = key_named("first-bank"), key_named("first-bank/2")


def test_both_keys_say_so() -> None:
    signed = sign_statement(KEY_ROTATION, OLD_KEY, NEW_KEY)
    assert verify_rotation(signed.envelope, old=OLD_SIGNED, new=NEW_SIGNED) == signed


SIGNERS: dict[str, tuple[SigningKey, ...]] = {
    "the old key alone": (OLD_KEY,),
    "the new key alone": (NEW_KEY,),
    "the old key and a stranger's": (OLD_KEY, key_named("stranger")),
    "the new key and a stranger's": (NEW_KEY, key_named("stranger")),
    "three keys": (OLD_KEY, NEW_KEY, key_named("stranger")),
}


@pytest.mark.parametrize("keys", SIGNERS.values(), ids=SIGNERS.keys())
def test_nobody_rotates_alone(keys: tuple[SigningKey, ...]) -> None:
    with pytest.raises(SignatureInvalid):
        verify_rotation(sign_statement(KEY_ROTATION, *keys).envelope, old=OLD_SIGNED, new=NEW_SIGNED)


CARDS: dict[str, tuple[dict[str, Any], str]] = {
    "another partner": ({"partner": "second-bank"}, "partner"),
    "another kind": ({"kind": PartnerKind.NGO}, "kind"),
    "another witness": ({"witness_key": key_named("witness/2").verify_key.text}, "witness_key"),
    "another name": ({"name": "Second Bank"}, "name"),
    "another country": ({"jurisdictions": ("FR",)}, "jurisdictions"),
    "another legal person": (
        {"legal_entity": PARTNER_CARD.legal_entity.model_copy(update={"name": "Somebody else"})},
        "legal_entity",
    ),
    "another contact": ({"contact": "somebody else"}, "contact"),
    "the same signing key": ({"signing_key": PARTNER_CARD.signing_key}, "signing_key"),
    "the same sealing key": ({"sealing_key": PARTNER_CARD.sealing_key}, "sealing_key"),
}


@pytest.mark.parametrize(("changes", "field"), CARDS.values(), ids=CARDS.keys())
def test_a_rotation_changes_both_keys_and_nothing_that_others_rely_on(changes: dict[str, Any], field: str) -> None:
    new = sign_statement(NEW_CARD.model_copy(update=changes), NEW_KEY)
    rotation = sign_statement(KEY_ROTATION.model_copy(update={"card": new.digest}), OLD_KEY, NEW_KEY)
    with pytest.raises(PeerViolation) as raised:
        verify_rotation(rotation.envelope, old=OLD_SIGNED, new=new)
    assert raised.value.field == field


@pytest.mark.parametrize("field", ["partner", "replaces", "card"])
def test_a_rotation_of_other_cards(field: str) -> None:
    value = "second-bank" if field == "partner" else named("another card")
    rotation = sign_statement(KEY_ROTATION.model_copy(update={field: value}), OLD_KEY, NEW_KEY)
    with pytest.raises(PeerViolation) as raised:
        verify_rotation(rotation.envelope, old=OLD_SIGNED, new=NEW_SIGNED)
    assert raised.value.field == field


def test_a_rotation_does_not_go_backwards() -> None:
    rotation = sign_statement(KEY_ROTATION, OLD_KEY, NEW_KEY)
    with pytest.raises(PeerViolation):
        verify_rotation(rotation.envelope, old=NEW_SIGNED, new=OLD_SIGNED)


@pytest.mark.parametrize("envelope", ["", "{}", OLD_SIGNED.envelope])
def test_what_is_no_rotation(envelope: str) -> None:
    with pytest.raises(MalformedMessage):
        verify_rotation(envelope, old=OLD_SIGNED, new=NEW_SIGNED)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    old: Signed[PartnerCard] = OLD_SIGNED
    with pytest.raises(ProtocolError):
        verify_rotation(data, old=old, new=NEW_SIGNED)


PARTIES = ("first-bank", "safe-harbour")
SUBJECTS: dict[str, Subject] = {
    "partner": RevokedPartner(partner="first-bank"),
    "key": RevokedKey(partner="first-bank", card=named("card")),
    "dataset": RevokedDataset(partner="first-bank", dataset="accounts", epoch=None),
    "agreement": RevokedAgreement(agreement=MATCH),
    "grant": RevokedGrant(match=MATCH, grant=named("grant")),
}
# subject: the broker, the partner itself, its counterparty in agreement or match, a third partner
MAY_REVOKE: dict[str, tuple[bool, bool, bool, bool]] = {
    "partner": (True, False, False, False),
    "key": (True, True, False, False),
    "dataset": (False, True, False, False),
    "agreement": (False, True, True, False),
    "grant": (True, True, True, False),
}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_who_may_revoke_what(subject: str) -> None:
    revoked = SUBJECTS[subject]
    assert revoked.type == subject
    assert MAY_REVOKE[subject] == (
        may_revoke("broker-one", revoked, is_broker=True, parties=PARTIES),
        may_revoke("first-bank", revoked, is_broker=False, parties=PARTIES),
        may_revoke("safe-harbour", revoked, is_broker=False, parties=PARTIES),
        may_revoke("second-bank", revoked, is_broker=False, parties=PARTIES),
    )


@pytest.mark.parametrize("subject", ["agreement", "grant"])
def test_an_unknown_agreement_or_match_is_nobodys(subject: str) -> None:
    assert not may_revoke("first-bank", SUBJECTS[subject], is_broker=False)


def test_a_partner_does_not_speak_for_the_broker_of_its_name() -> None:
    assert not may_revoke("first-bank", SUBJECTS["partner"], is_broker=False, parties=PARTIES)
