"""Notes: the reference example byte for byte, and a table of hostile notes and keys."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.crypto.encoding import b64, from_b64
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.errors import LimitExceeded, MalformedMessage, ProtocolError, SignatureInvalid
from tacita_protocol.tlog.note import CosignatureSigner, NoteSigner, NoteVerifier, compose, open_note, split_note
from tests.support.memory_log import key_named

# The example of golang.org/x/mod/sumdb/note, whose format C2SP signed-note is.
REFERENCE_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
REFERENCE_SEED = from_b64("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz", field="seed")[1:]
REFERENCE_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
REFERENCE_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)

TEXT = "log.test\n1\nAAAA\n"
LOG = NoteSigner("log.test", key_named("log"))
WITNESS = CosignatureSigner("witness.test/w1", key_named("witness"))
LOG_LINE = LOG.sign(TEXT)
WITNESS_LINE = WITNESS.cosign(TEXT, 1_679_315_147)
NOTE = compose(TEXT, [LOG_LINE, WITNESS_LINE])
KNOWN = [LOG.verifier, WITNESS.verifier]


def test_reference_note() -> None:
    signer = NoteSigner("PeterNeumann", SigningKey.from_seed(REFERENCE_SEED))
    assert signer.vkey == REFERENCE_VKEY
    assert signer.sign(REFERENCE_TEXT) == REFERENCE_LINE
    opened = open_note(compose(REFERENCE_TEXT, [REFERENCE_LINE]), [NoteVerifier.from_vkey(REFERENCE_VKEY)])
    assert (opened.text, opened.verified[0].name, opened.verified[0].timestamp) == (
        REFERENCE_TEXT,
        "PeterNeumann",
        None,
    )


def test_every_part_of_a_vkey_is_needed() -> None:
    for start in range(len(REFERENCE_VKEY) + 1):
        for end in range(start, len(REFERENCE_VKEY) + 1):
            if (start, end) != (0, len(REFERENCE_VKEY)):
                with pytest.raises(MalformedMessage):
                    NoteVerifier.from_vkey(REFERENCE_VKEY[start:end])


@pytest.mark.parametrize(
    "vkey",
    [
        # Wrong key length and unknown type, with key ids that fit.
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        REFERENCE_VKEY.replace("c74f20a3", "C74F20A3"),
        REFERENCE_VKEY.replace("PeterNeumann", "Peter Neumann"),
        REFERENCE_VKEY.replace("PeterNeumann", "Peter\u00a0Neumann"),
        REFERENCE_VKEY.replace("PeterNeumann", "\ud800"),
        REFERENCE_VKEY + "\n",
    ],
)
def test_mangled_vkey(vkey: str) -> None:
    with pytest.raises(MalformedMessage):
        NoteVerifier.from_vkey(vkey)


def test_both_kinds_of_signature_verify() -> None:
    opened = open_note(NOTE, KNOWN)
    assert opened.text == TEXT
    assert [(v.name, v.timestamp) for v in opened.verified] == [
        ("log.test", None),
        ("witness.test/w1", 1_679_315_147),
    ]


def test_vkey_round_trip() -> None:
    for verifier in KNOWN:
        assert NoteVerifier.from_vkey(verifier.vkey) == verifier


def test_text_may_hold_blank_lines() -> None:
    text = "a\n\nb\n"
    assert open_note(compose(text, [LOG.sign(text)]), KNOWN).text == text


def test_unknown_signatures_are_ignored() -> None:
    stranger = NoteSigner("log.test", key_named("stranger")).sign(TEXT)
    foreign = "— witness.test/w2 " + b64(WITNESS.verifier.keyid + bytes(72))
    opened = open_note(compose(TEXT, [stranger, foreign, LOG_LINE]), KNOWN)
    assert [v.name for v in opened.verified] == ["log.test"]


def test_one_key_counts_once_with_its_latest_time() -> None:
    lines = [WITNESS.cosign(TEXT, t) for t in (5, 9, 7)]
    opened = open_note(compose(TEXT, lines), KNOWN)
    assert [(v.name, v.timestamp) for v in opened.verified] == [("witness.test/w1", 9)]


def bad_blob(line: str, change: bytes) -> str:
    head, _, encoded = line.rpartition(" ")
    return f"{head} {b64(from_b64(encoded, field='line')[: -len(change)] + change)}"


HOSTILE: dict[str, tuple[bytes, type[ProtocolError]]] = {
    "empty": (b"", MalformedMessage),
    "no signature": (TEXT.encode(), MalformedMessage),
    "no signature after the blank line": (f"{TEXT}\n".encode(), MalformedMessage),
    "no blank line": (f"{TEXT}{LOG_LINE}\n".encode(), MalformedMessage),
    "no final newline": (NOTE[:-1], MalformedMessage),
    "blank line at the end": (NOTE + b"\n", MalformedMessage),
    "not UTF-8": (b"\xff" + NOTE, MalformedMessage),
    "overlong UTF-8": (NOTE.replace(b"log.test\n1", b"log.test\n\xc0\xb1", 1), MalformedMessage),
    "NUL": (NOTE.replace(b"1", b"\0", 1), MalformedMessage),
    "carriage return": (NOTE.replace(b"\n", b"\r\n"), MalformedMessage),
    "tab": (NOTE.replace(b"1", b"\t", 1), MalformedMessage),
    "hyphen for the dash": (NOTE.replace("—".encode(), b"-"), MalformedMessage),
    "two spaces": (NOTE.replace("— ".encode(), "—  ".encode()), MalformedMessage),
    "space after the signature": (f"{TEXT}\n{LOG_LINE} \n".encode(), MalformedMessage),
    "plus in the name": (f"{TEXT}\n{LOG_LINE.replace('log.test', 'log+test')}\n".encode(), MalformedMessage),
    "no name": (f"{TEXT}\n— {LOG_LINE.split()[-1]}\n".encode(), MalformedMessage),
    "unpadded base64": (f"{TEXT}\n{LOG_LINE.rstrip('=')}\n".encode(), MalformedMessage),
    "URL-safe base64": (f"{TEXT}\n— x __--_w==\n".encode(), MalformedMessage),
    "spare bits in base64": (f"{TEXT}\n— x AAAAAAB=\n{LOG_LINE}\n".encode(), MalformedMessage),
    "key id only": (f"{TEXT}\n— x AAAAAA==\n{LOG_LINE}\n".encode(), MalformedMessage),
    "text between signatures": (f"{TEXT}\n{LOG_LINE}\nhello\n".encode(), MalformedMessage),
    "17 signatures": (f"{TEXT}\n".encode() + f"{LOG_LINE}\n".encode() * 17, LimitExceeded),
    "64 KiB": (b"a" * 65536 + b"\n" + NOTE, LimitExceeded),
    "changed text": (NOTE.replace(b"\n1\n", b"\n2\n"), SignatureInvalid),
    "changed log signature": (compose(TEXT, [bad_blob(LOG_LINE, b"\0")]), SignatureInvalid),
    "changed cosignature beside a good log signature": (
        compose(TEXT, [LOG_LINE, bad_blob(WITNESS_LINE, b"\0")]),
        SignatureInvalid,
    ),
    "a good and a bad signature of one key": (
        compose(TEXT, [LOG_LINE, bad_blob(LOG_LINE, b"\0")]),
        SignatureInvalid,
    ),
    "only unknown signatures": (
        compose(TEXT, [NoteSigner("log.test", key_named("stranger")).sign(TEXT)]),
        SignatureInvalid,
    ),
    "short cosignature": (
        compose(TEXT, [f"— {WITNESS.name} {b64(WITNESS.verifier.keyid + bytes(64))}"]),
        SignatureInvalid,
    ),
    "cosignature time beyond 2^63 - 1": (
        compose(TEXT, [f"— {WITNESS.name} {b64(WITNESS.verifier.keyid + bytes([255]) * 8 + bytes(64))}"]),
        SignatureInvalid,
    ),
    "log signature under the cosigner's key id": (
        compose(TEXT, [f"— {WITNESS.name} {b64(WITNESS.verifier.keyid + key_named('witness').sign(TEXT.encode()))}"]),
        SignatureInvalid,
    ),
}


@pytest.mark.parametrize(("note", "error"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_note(note: bytes, error: type[ProtocolError]) -> None:
    with pytest.raises(error):
        open_note(note, KNOWN)


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, len(NOTE) - 1), mask=st.integers(1, 255))
def test_one_changed_byte_never_yields_both_signatures(position: int, mask: int) -> None:
    changed = bytearray(NOTE)
    changed[position] ^= mask
    try:
        opened = open_note(bytes(changed), KNOWN)
    except ProtocolError:
        return
    # A change in a name or key id makes that line a stranger's; the text stays the signed one.
    assert opened.text == TEXT
    assert len(opened.verified) == 1


@given(st.binary(max_size=400))
def test_arbitrary_bytes_fail_with_a_named_error(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        open_note(data, KNOWN)


def test_compose_splits_again() -> None:
    assert split_note(NOTE) == (TEXT, [LOG_LINE, WITNESS_LINE])


def test_own_mistakes_are_value_errors() -> None:
    with pytest.raises(ValueError, match="newline"):
        LOG.sign("no newline")
    with pytest.raises(ValueError, match="at least one"):
        compose(TEXT, [])
    with pytest.raises(ValueError, match="positive"):
        WITNESS.cosign(TEXT, 0)
    with pytest.raises(LimitExceeded):
        compose(TEXT, [LOG_LINE] * 17)
