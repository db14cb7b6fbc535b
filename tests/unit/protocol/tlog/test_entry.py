"""What goes into the log: one shape and size, opened only by its own disclosures."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.crypto.digest import Digest, sha256
from tacita_protocol.crypto.encoding import b64u, from_b64u
from tacita_protocol.crypto.jcs import canonical_json
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.errors import LimitExceeded, MalformedMessage, ProofInvalid, ProtocolError
from tacita_protocol.tlog.entry import (
    ENTRY_DIGESTS,
    BuiltEntry,
    LoggedEntry,
    build_card_entry,
    build_match_entry,
    open_card_entry,
    open_match_entry,
)
from tests.support.memory_log import SEALED, MemoryLog

NOW = 1_800_000_123
ITEMS = {"type": "opening", "match": "ab" * 16, "requester": "bank-a"}


def build(items: dict[str, str], time: int = NOW) -> BuiltEntry:
    return build_match_entry(items, sealed=SEALED, time=time, entropy=random_bytes)


def changed(entry: bytes, **fields: object) -> bytes:
    return canonical_json(json.loads(entry) | fields)


def test_disclosures_open_the_entry() -> None:
    built = build(ITEMS)
    opened = open_match_entry(built.entry, built.disclosures)
    assert opened.items == ITEMS
    assert opened.time == 1_800_000_000
    assert opened.sealed == SEALED


def test_one_disclosure_shows_one_item() -> None:
    built = build(ITEMS)
    shown = [open_match_entry(built.entry, [disclosure]).items for disclosure in built.disclosures]
    assert sorted(shown, key=str) == sorted(({name: value} for name, value in ITEMS.items()), key=str)


def test_digest_is_of_the_disclosure_text() -> None:
    built = build({"type": "opening"})
    (disclosure,) = built.disclosures
    salt, name, value = json.loads(from_b64u(disclosure))
    assert (name, value, len(from_b64u(salt))) == ("type", "opening", 16)
    assert b64u(sha256(disclosure.encode())) in json.loads(built.entry)["_sd"]


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=30), st.text(max_size=64), max_size=ENTRY_DIGESTS))
def test_all_entries_have_one_length_and_shape(items: dict[str, str]) -> None:
    built = build(items)
    assert len(built.entry) == len(build({}).entry)
    body = json.loads(built.entry)
    assert set(body) == {"v", "id", "time", "sealed", "_sd"}
    assert len(body["_sd"]) == ENTRY_DIGESTS
    assert body["_sd"] == sorted(set(body["_sd"]))
    assert open_match_entry(built.entry, built.disclosures).items == items


def test_two_entries_of_the_same_items_share_nothing() -> None:
    one, two = json.loads(build(ITEMS).entry), json.loads(build(ITEMS).entry)
    assert one["id"] != two["id"]
    assert not set(one["_sd"]) & set(two["_sd"])


def test_disclosure_of_another_entry() -> None:
    built, other = build(ITEMS), build(ITEMS)
    with pytest.raises(ProofInvalid, match="does not belong"):
        open_match_entry(built.entry, other.disclosures)


def test_disclosed_twice() -> None:
    built = build(ITEMS)
    with pytest.raises(MalformedMessage, match="twice"):
        open_match_entry(built.entry, [built.disclosures[0]] * 2)


def test_two_values_for_one_name_are_refused() -> None:
    texts = [b64u(canonical_json([b64u(bytes(16)), "type", value])) for value in ("opening", "closing")]
    digests = sorted([b64u(sha256(text.encode())) for text in texts] + [b64u(random_bytes(32)) for _ in range(14)])
    entry = changed(build({}).entry, _sd=digests)
    with pytest.raises(MalformedMessage, match="twice"):
        open_match_entry(entry, texts)


@pytest.mark.parametrize(
    "inner",
    [
        b'["AAAAAAAAAAAAAAAAAAAAAA","type"]',
        b'["AAAAAAAAAAAAAAAAAAAAAA","type","x","y"]',
        b'["AAAAAAAAAAAAAAAAAAAAAA","type",1]',
        b'["AAAAAAAAAAAAAAAAAAAAAA", "type","x"]',
        b'["AAAA","type","x"]',
        b'{"type":"x"}',
        b"\xff",
        b"",
    ],
)
def test_malformed_disclosure(inner: bytes) -> None:
    # Even when its digest is in the entry.
    text = b64u(inner)
    digests = sorted([b64u(sha256(text.encode())), *(b64u(random_bytes(32)) for _ in range(15))])
    with pytest.raises(MalformedMessage):
        open_match_entry(changed(build({}).entry, _sd=digests), [text])


def test_limits() -> None:
    built = build(ITEMS)
    with pytest.raises(LimitExceeded):
        open_match_entry(built.entry, ["A" * 1025])
    with pytest.raises(LimitExceeded):
        open_match_entry(built.entry, list(built.disclosures) * 6)
    with pytest.raises(LimitExceeded):
        open_match_entry(b'"' + b"a" * 5000 + b'"', [])
    with pytest.raises(ValueError, match="at most 16"):
        build({str(i): "" for i in range(17)})
    with pytest.raises(ValueError, match="too long"):
        build({"type": "x" * 1000})


ENTRY = build(ITEMS).entry


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"[]",
        ENTRY.replace(b'"v":1', b'"v":2'),
        ENTRY.replace(b'"v":1', b'"v":true'),
        ENTRY.replace(b'"v":1', b'"v":1.0'),
        ENTRY.replace(b'"v":1', b'"v": 1'),
        ENTRY.replace(b"}", b',"x":1}'),
        ENTRY.replace(b'"v":1', b'"v":1,"v":1'),
        ENTRY.replace(b'"sealed"', b'"Sealed"'),
        changed(ENTRY, id="AB" * 16),
        changed(ENTRY, id="ab" * 15),
        changed(ENTRY, id=5),
        changed(ENTRY, time=NOW),
        changed(ENTRY, time=-600),
        changed(ENTRY, time=True),
        changed(ENTRY, sealed="0" * 63),
        changed(ENTRY, sealed=None),
        changed(ENTRY, _sd=[]),
        changed(ENTRY, _sd=json.loads(ENTRY)["_sd"][::-1]),
        changed(ENTRY, _sd=[json.loads(ENTRY)["_sd"][0]] * 16),
        changed(ENTRY, _sd=[*json.loads(ENTRY)["_sd"][:15], "zz"]),
        changed(ENTRY, _sd=[1] * 16),
        build_card_entry("partner-card", SEALED, NOW),
    ],
)
def test_malformed_entry(entry: bytes) -> None:
    with pytest.raises(MalformedMessage):
        open_match_entry(entry, [])


def test_card_entry() -> None:
    entry = build_card_entry("dataset-card", Digest("ab" * 32), NOW)
    opened = open_card_entry(entry)
    assert (opened.type, opened.digest, opened.time) == ("dataset-card", "ab" * 32, NOW)


CARD = build_card_entry("agreement", SEALED, NOW)


@pytest.mark.parametrize(
    "entry",
    [
        ENTRY,
        changed(CARD, type="opening"),
        changed(CARD, type=None),
        {"class": "private"},
        changed(CARD, time="1"),
        changed(CARD, digest="x"),
    ],
)
def test_malformed_card_entry(entry: bytes | dict[str, str]) -> None:
    with pytest.raises(MalformedMessage):
        open_card_entry(changed(CARD, **entry) if isinstance(entry, dict) else entry)


def test_logged_entry_verifies_and_every_character_matters() -> None:
    log = MemoryLog(witnesses=["bank-a"], threshold=2)
    log.append(b"before")
    logged = log.log_match_entry(ITEMS)
    assert logged.verify(log.trust, excluded=frozenset({"bank-a"})).items == ITEMS
    assert LoggedEntry.model_validate_json(logged.model_dump_json()) == logged

    other = log.log_match_entry(ITEMS)
    swaps: list[dict[str, object]] = [
        {"entry": other.entry},
        {"disclosures": other.disclosures},
        {"proof": other.proof},
    ]
    for fields in swaps:
        with pytest.raises(ProtocolError):
            logged.model_copy(update=fields).verify(log.trust)
    with pytest.raises(ProofInvalid, match="too few independent"):
        logged.verify(log.trust, excluded=frozenset({"witness-one", "witness-two"}))
