"""Every statement has one byte form, signs, verifies, and stays what it was."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.encoding import b64u
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.errors import SignatureInvalid
from tacita_protocol.statements.dataset import MAX_EPOCH
from tacita_protocol.statements.disclosure import MAX_ITEMS, DisclosedItem, Disclosure
from tacita_protocol.statements.partner import fingerprint
from tacita_protocol.statements.receipt import Receipt
from tacita_protocol.statements.retraction import RetractedHit, RetractedRelease
from tacita_protocol.statements.revocation import (
    RevokedAgreement,
    RevokedDataset,
    RevokedGrant,
    RevokedKey,
    RevokedPartner,
)
from tacita_protocol.statements.statement import (
    Statement,
    add_signature,
    payload_of,
    sign_statement,
    unverified,
    verify_statement,
)
from tacita_protocol.statements.vocabulary import MAX_ELEMENTS, MAX_SEALED_TEXT
from tests.support.golden import STATEMENTS
from tests.support.later_statements import DISCLOSURE, RETRACTION, REVOCATION
from tests.support.memory_log import key_named
from tests.support.statements import AGREEMENT, PARTNER_CARD, PROMISE, RECEIPT

KEY = key_named("somebody")


def test_a_payload_written_by_hand() -> None:
    """JCS: keys sorted, no white space, integers plain."""
    assert payload_of(PROMISE) == (
        b'{"broker":"broker-one","issued":1800000000,"match":"0123456789abcdef0123456789abcdef",'
        b'"request":"346cba3ccebac376578d4c7254a9ef98db9a91cad370d7670fd69c5311a9b93e","v":1}'
    )


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_a_statement_comes_back_as_it_was(statement: Statement) -> None:
    signed = sign_statement(statement, KEY)
    verified = verify_statement(type(statement), signed.envelope, KEY.verify_key)
    assert verified == signed
    assert verified.body == statement
    assert verified.digest == digest_of(payload_of(statement))
    assert verified.envelope_digest == digest_of(signed.envelope.encode())
    assert unverified(type(statement), signed.envelope) == statement
    assert verify_statement(type(statement), signed.envelope.encode(), KEY.verify_key) == signed


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_a_foreign_signature_is_refused(statement: Statement) -> None:
    envelope = sign_statement(statement, KEY).envelope
    with pytest.raises(SignatureInvalid):
        verify_statement(type(statement), envelope, SigningKey.generate().verify_key)


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_a_statement_is_of_one_type(statement: Statement) -> None:
    envelope = sign_statement(statement, KEY).envelope
    for other in STATEMENTS.values():
        if other is not statement:
            with pytest.raises(SignatureInvalid):
                verify_statement(type(other), envelope, KEY.verify_key)


def test_no_two_types_have_the_same_fields() -> None:
    """A digest covers the payload without its type, so a payload must belong to one type only."""
    fields = [frozenset(type(statement).model_fields) for statement in STATEMENTS.values()]
    assert len(set(fields)) == len(STATEMENTS)


def test_both_parties_sign_an_agreement() -> None:
    one, two = key_named("first-bank"), key_named("safe-harbour")
    proposed = sign_statement(AGREEMENT, one)
    agreed = add_signature(proposed, two)
    assert agreed == sign_statement(AGREEMENT, one, two)
    assert agreed.digest == proposed.digest
    assert verify_statement(type(AGREEMENT), agreed.envelope, two.verify_key, one.verify_key) == agreed
    for envelope, keys in (
        (proposed.envelope, (one.verify_key, two.verify_key)),
        (agreed.envelope, (one.verify_key,)),
        (agreed.envelope, (one.verify_key, KEY.verify_key)),
    ):
        with pytest.raises(SignatureInvalid):
            verify_statement(type(AGREEMENT), envelope, *keys)


def test_a_verification_without_keys_is_a_mistake() -> None:
    with pytest.raises(RuntimeError):
        verify_statement(type(PROMISE), sign_statement(PROMISE, KEY).envelope)


def test_a_fingerprint_is_the_digest_in_groups() -> None:
    card = sign_statement(PARTNER_CARD, KEY)
    shown = fingerprint(card)
    assert shown.startswith(f"{card.digest[:4]}-{card.digest[4:8]}-")
    assert shown.replace("-", "") == card.digest


def test_statements_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        PROMISE.issued = 0  # type: ignore[misc]  # the attempt is the test


NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
DIGESTS = st.binary(min_size=32, max_size=32).map(digest_of)
MATCHES = st.binary(min_size=16, max_size=16).map(bytes.hex)
SUBJECTS = st.one_of(
    st.builds(RevokedPartner, partner=NAMES),
    st.builds(RevokedKey, partner=NAMES, card=DIGESTS),
    st.builds(RevokedDataset, partner=NAMES, dataset=NAMES, epoch=st.none() | st.integers(1, MAX_EPOCH)),
    st.builds(RevokedAgreement, agreement=MATCHES),
    st.builds(RevokedGrant, match=MATCHES, grant=DIGESTS),
)
RETRACTED = st.one_of(
    st.builds(RetractedHit, match=MATCHES, hit=DIGESTS),
    st.builds(RetractedRelease, type=st.sampled_from(["label", "referral", "disclosure", "bundle"]), digest=DIGESTS),
)
DISCLOSED = st.lists(
    st.builds(
        DisclosedItem,
        field=st.from_regex(r"[a-z0-9][a-z0-9.-]{0,63}", fullmatch=True),
        sealed=st.binary(min_size=1, max_size=MAX_SEALED_TEXT * 3 // 4).map(b64u),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda item: item.field,
).map(tuple)


@settings(max_examples=50)
@given(
    st.one_of(
        SUBJECTS.map(lambda subject: REVOCATION.model_copy(update={"subject": subject})),
        RETRACTED.map(lambda subject: RETRACTION.model_copy(update={"subject": subject})),
        DISCLOSED.map(lambda items: DISCLOSURE.model_copy(update={"items": items})),
    )
)
def test_every_variant_comes_back_as_it_was(statement: Statement) -> None:
    signed = sign_statement(statement, KEY)
    assert verify_statement(type(statement), signed.envelope, KEY.verify_key) == signed


def test_a_receipt_holds_what_two_runs_of_the_largest_sets_charge() -> None:
    signed = sign_statement(RECEIPT.model_copy(update={"elements_charged": 2 * MAX_ELEMENTS}), KEY)
    assert verify_statement(Receipt, signed.envelope, KEY.verify_key) == signed


def test_the_largest_disclosure_fits_an_envelope() -> None:
    sealed = b64u(bytes(MAX_SEALED_TEXT * 3 // 4))
    items = tuple(DisclosedItem(field=f"{number:a>64}", sealed=sealed) for number in range(MAX_ITEMS))
    signed = sign_statement(DISCLOSURE.model_copy(update={"items": items}), KEY)
    assert verify_statement(Disclosure, signed.envelope, KEY.verify_key) == signed
