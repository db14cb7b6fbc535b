"""Every statement has one byte form, signs, verifies, and stays what it was."""

import pytest

from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.errors import SignatureInvalid
from tacita_protocol.statements.partner import fingerprint
from tacita_protocol.statements.statement import (
    Statement,
    add_signature,
    payload_of,
    sign_statement,
    unverified,
    verify_statement,
)
from tests.support.memory_log import key_named
from tests.support.statements import AGREEMENT, PARTNER_CARD, PROMISE, STATEMENTS

KEY = key_named("somebody")

# Recorded from this implementation. A change here changes what was signed before: it needs a new version.
DIGESTS = {
    "partner-card": "d2a411c9d4aef4c51e0990e5711efda049021762ad94cead1b3db3dedfa95e28",
    "agreement": "3958b7ca91cdf5005f7f78f1cc6810e633524c15cf417940958e378b8186610a",
    "dataset-card": "cedfe300959e09c8ff8359d5e512270f2abe1421bb46300142e64e0f8db5e806",
    "match-request": "6675d1b549c79f9c311fb4c23a6aa83fbfddcf5ed6f8d980b7fde9851f6f7c1c",
    "promise": "bf696fa3a1ad7422877f06db79b3d5f55d59ece5b68f8b54aeb72d4adbbcf692",
    "grant": "2da4ae58356e30d9c4549fb4d743c1d342d964d1fee2f0b2c2862fff3bf72744",
    "denial": "5f989c4950f5ec5f9e14c1cae3ca317a167db06e322f4ff987e127c543947b41",
    "acceptance": "1dfaef0edcbe8bd2966b2cc7831867dd322c869b00da343d92e348b32bd9b62c",
    "refusal": "ad6dd5df725c086f66fad09d5a20ae30c5e58706c3af25402cc835170220af24",
    "open": "057dc1c53ff46b6655dfdbc7d86bef4b53800f7597818f86ccb5073f7b046d36",
    "receipt": "d35171667a924e1cfca49b10de2768d23b68588e28987caf841cea135e0e181d",
}


def test_a_payload_written_by_hand() -> None:
    """JCS: keys sorted, no white space, integers plain."""
    assert payload_of(PROMISE) == (
        b'{"broker":"broker-one","issued":1800000000,"match":"0123456789abcdef0123456789abcdef",'
        b'"request":"1f58b9145b24d108d7ac38887338b3ea3229833b9c1e418250343f907bfd1047","v":1}'
    )


def test_an_envelope_written_down() -> None:
    assert sign_statement(PROMISE, key_named("broker-one")).envelope == (
        '{"payload":"eyJicm9rZXIiOiJicm9rZXItb25lIiwiaXNzdWVkIjoxODAwMDAwMDAwLCJtYXRjaCI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU'
        "2Nzg5YWJjZGVmIiwicmVxdWVzdCI6IjFmNThiOTE0NWIyNGQxMDhkN2FjMzg4ODczMzhiM2VhMzIyOTgzM2I5YzFlNDE4MjUwMzQzZjkwN2JmZDEw"
        'NDciLCJ2IjoxfQ==","payloadType":"application/vnd.tacita.promise.v1+json","signatures":[{"keyid":"48c87d6bc7dc603a'
        '0954874f281f796b","sig":"lvYxRtNUxdO4XrQ2rJ5eEu0u5EWszJYtQvicU3B3HGXXBCjirPM95r4XWSo7kSnwldEBjqYFk2OofCY66Rj1BA=='
        '"}]}'
    )


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_a_statement_comes_back_as_it_was(statement: Statement) -> None:
    signed = sign_statement(statement, KEY)
    verified = verify_statement(type(statement), signed.envelope, KEY.verify_key)
    assert verified == signed
    assert verified.body == statement
    assert verified.digest == digest_of(payload_of(statement)) == DIGESTS[statement.TYPE]
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
    shown = fingerprint(sign_statement(PARTNER_CARD, KEY))
    assert shown.startswith("d2a4-11c9-d4ae-")
    assert shown.replace("-", "") == DIGESTS["partner-card"]


def test_statements_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        PROMISE.issued = 0  # type: ignore[misc]  # the attempt is the test
