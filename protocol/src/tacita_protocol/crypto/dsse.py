"""Signed statements: DSSE envelopes (secure-systems-lab/dsse, protocol v1) with Ed25519.

An envelope has exactly one byte form: canonical JSON, signatures in the order of their key ids, canonical base64. A
second envelope with the same payload and the same signers therefore is the same bytes.

    {"payload": base64, "payloadType": "application/vnd.tacita.<type>.v1+json", "signatures": [{"keyid", "sig"}]}
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tacita_protocol.crypto.encoding import b64, from_b64
from tacita_protocol.crypto.jcs import canonical_json, parse_json
from tacita_protocol.crypto.keys import SIGNATURE_SIZE, SigningKey, VerifyKey
from tacita_protocol.errors import LimitExceeded, MalformedMessage, SignatureInvalid

MAX_ENVELOPE_BYTES = 1 << 20
"""Bytes of one envelope."""

MAX_SIGNATURES = 8
"""Signatures on one envelope; no statement has more than two signers."""

_ENVELOPE_DEPTH = 3
_MAX_TYPE_CHARACTERS = 128


def pae(payload_type: str, payload: bytes) -> bytes:
    """Pre-authentication encoding: what is signed (DSSE protocol, "Signature Definition")."""
    type_bytes = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(type_bytes), type_bytes, len(payload), payload)


def sign(payload_type: str, payload: bytes, *keys: SigningKey) -> bytes:
    """An envelope over `payload`, signed with each of `keys` (at least one, all different).

    Raises:
        LimitExceeded: the envelope would be larger than `MAX_ENVELOPE_BYTES`.
    """
    if not keys:
        raise ValueError("an envelope needs a signature")
    message = pae(payload_type, payload)
    signatures = {key.verify_key.keyid: key.sign(message) for key in keys}
    if len(signatures) != len(keys):
        raise ValueError("the same key was given twice")
    return _encode(_Envelope(payload_type, payload, signatures))


def add_signature(envelope: bytes, key: SigningKey) -> bytes:
    """The envelope with one more signature. The caller has verified the payload and means to sign it.

    Raises:
        MalformedMessage: not an envelope, or this key has signed it already.
    """
    opened = _decode(envelope)
    if key.verify_key.keyid in opened.signatures:
        raise MalformedMessage("this key has signed already", field="signatures")
    signature = key.sign(pae(opened.payload_type, opened.payload))
    signatures = {**opened.signatures, key.verify_key.keyid: signature}
    return _encode(_Envelope(opened.payload_type, opened.payload, signatures))


def verify(envelope: bytes, payload_type: str, keys: Sequence[VerifyKey]) -> bytes:
    """The payload, if exactly these keys signed it as this type.

    Args:
        envelope: bytes from anywhere.
        payload_type: the type that the caller is about to parse.
        keys: every key whose signature is demanded, at least one; a signature of any other key is refused too.

    Raises:
        MalformedMessage, LimitExceeded: not an envelope in its one byte form.
        SignatureInvalid: another type, a signature missing, too much, or wrong.
    """
    wanted = {key.keyid: key for key in keys}
    if not keys or len(wanted) != len(keys):
        raise ValueError("verification needs at least one key, each given once")
    opened = _decode(envelope)
    # 1. The type is the one the caller expects: it is signed, but a valid statement of another type is no answer.
    if opened.payload_type != payload_type:
        raise SignatureInvalid("the envelope holds another type of statement", reason="type")
    # 2. The signers are the demanded ones, neither fewer nor more.
    if opened.signatures.keys() != wanted.keys():
        raise SignatureInvalid("the envelope is not signed by exactly the demanded keys", reason="signers")
    # 3. Every signature verifies under the key that the caller gave; the key id only paired them.
    message = pae(payload_type, opened.payload)
    for keyid, key in wanted.items():
        key.verify(opened.signatures[keyid], message)
    return opened.payload


def payload_type_of(envelope: bytes) -> str:
    """The type that an envelope claims. Unverified: only for choosing whom to ask and what to expect."""
    return _decode(envelope).payload_type


def unverified_payload(envelope: bytes) -> bytes:
    """The payload WITHOUT any check of signatures: only for finding out whose key to check it with.

    Whatever is parsed from it is a claim by an unknown. Call `verify` and use what that returns.
    """
    return _decode(envelope).payload


@dataclass(frozen=True)
class _Envelope:
    payload_type: str
    payload: bytes
    signatures: dict[str, bytes]  # by key id


def _encode(envelope: _Envelope) -> bytes:
    data = canonical_json(
        {
            "payload": b64(envelope.payload),
            "payloadType": envelope.payload_type,
            "signatures": [{"keyid": keyid, "sig": b64(sig)} for keyid, sig in sorted(envelope.signatures.items())],
        }
    )
    if len(data) > MAX_ENVELOPE_BYTES:
        raise LimitExceeded(f"an envelope has at most {MAX_ENVELOPE_BYTES} bytes")
    return data


def _decode(data: bytes) -> _Envelope:
    value = parse_json(data, max_bytes=MAX_ENVELOPE_BYTES, max_depth=_ENVELOPE_DEPTH)
    match value:
        case {"payload": str(payload), "payloadType": str(payload_type), "signatures": list(entries)}:
            pass
        case _:
            raise MalformedMessage("not a DSSE envelope", field="envelope")
    if not payload_type or len(payload_type) > _MAX_TYPE_CHARACTERS:
        raise MalformedMessage("empty or too long", field="payloadType")
    if not 1 <= len(entries) <= MAX_SIGNATURES:
        raise MalformedMessage(f"an envelope has 1 to {MAX_SIGNATURES} signatures", field="signatures")
    signatures: dict[str, bytes] = {}
    for entry in entries:
        match entry:
            case {"keyid": str(keyid), "sig": str(sig)} if keyid not in signatures:
                signatures[keyid] = from_b64(sig, length=SIGNATURE_SIZE, field="sig")
            case _:
                raise MalformedMessage("malformed or repeated", field="signatures")
    envelope = _Envelope(payload_type, from_b64(payload, field="payload"), signatures)
    # Unknown members, another order, white space: all of them change the bytes.
    if _encode(envelope) != data:
        raise MalformedMessage("not in canonical form", field="envelope")
    return envelope
