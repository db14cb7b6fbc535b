"""What is fuzzed: one function for each parser of foreign bytes.

A target takes any bytes. It may end in one of the refusals that parsers document (`REFUSALS`); anything else that it
raises is a finding. Where a parser has an inverse, the target demands it: what was read is written as the same bytes.
"""

import contextlib
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial

from pydantic import ValidationError

import tacita_protocol.statements
from tacita_node.config import Limits
from tacita_node.data.sources import SourceRefused, layout_of, read_lines
from tacita_node.enrolment import EnrolmentRefused, key_of_invitation
from tacita_node.trust import TrustRefused, read_trust
from tacita_policies.answer import read_answer
from tacita_protocol import api
from tacita_protocol.crypto import dsse
from tacita_protocol.crypto.bearer import check_token
from tacita_protocol.crypto.encoding import b64, b64u, from_b64, from_b64u
from tacita_protocol.crypto.frames import Direction, FrameOpener
from tacita_protocol.crypto.httpsig import RequestParts, verify_request
from tacita_protocol.crypto.jcs import canonical_json, parse_json
from tacita_protocol.crypto.keyfile import open_key_file
from tacita_protocol.crypto.keys import SealingPublicKey, VerifyKey
from tacita_protocol.errors import ProtocolError
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normalise
from tacita_protocol.session.fragments import Assembler, fragment
from tacita_protocol.statements.statement import Part, Statement, payload_of, payload_type, verify_statement
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.entry import open_card_entry, open_match_entry
from tacita_protocol.tlog.note import NoteVerifier, compose, open_note, split_note
from tacita_protocol.tlog.proof import LogProof
from tacita_protocol.tlog.tiles import decode_entries, decode_tile, encode_entries
from tacita_protocol.tlog.trust import TrustPolicy
from tacita_sdk import node_api
from tacita_sdk.audit_export import AuditExport
from tests.support.memory_log import key_named

Target = Callable[[bytes], object]

REFUSALS = (ProtocolError, SourceRefused, TrustRefused, EnrolmentRefused)
"""How a parser of foreign bytes may say no."""

NOW = 1_800_000_000
KEY = key_named("fuzzed signer")
LIMITS = Limits(import_bytes=1 << 20)
PIECE_BYTES = 7
REGIONS = (None, "GB", "DE", "US", "FR", "IN", "MX", "xx")


def run(target: Target, data: bytes) -> None:
    """Give `data` to a target; a documented refusal is a right answer."""
    try:
        target(data)
    except REFUSALS as refusal:
        message = str(refusal)
    else:
        return
    # Messages end in logs and problem documents: short, and of one line.
    assert len(message) < 500
    assert "\n" not in message


def _json(data: bytes) -> None:
    value = parse_json(data, max_bytes=1 << 16)
    assert parse_json(canonical_json(value), max_bytes=1 << 20) == value


def _envelope(data: bytes) -> None:
    dsse.payload_type_of(data)
    dsse.unverified_payload(data)
    dsse.verify(data, "application/vnd.tacita.grant.v1+json", [KEY.verify_key])


def _statement(data: bytes) -> None:
    """The first byte says as which statement the rest is signed and read."""
    types = statement_types()
    choice, payload = _number(data, len(types))
    signed = verify_statement(types[choice], dsse.sign(payload_type(types[choice]), payload, KEY), KEY.verify_key)
    assert payload_of(signed.body) == payload


def _body(data: bytes) -> None:
    bodies = api_bodies()
    choice, rest = _number(data, len(bodies))
    api.parse_body(bodies[choice], rest)


def _export(data: bytes) -> None:
    parse_json(data, max_bytes=1 << 20)
    _validated(AuditExport, data)


def _order(data: bytes) -> None:
    parse_json(data, max_bytes=1 << 20)
    for cls in (node_api.MatchOrder, node_api.AgreementDraft, node_api.PublishOrder, node_api.Confirmation):
        _validated(cls, data)


def _validated(cls: type[AuditExport | node_api.NodeModel], data: bytes) -> None:
    with contextlib.suppress(ValidationError):
        cls.model_validate_json(data)


def _policy_answer(data: bytes) -> None:
    value = parse_json(data, max_bytes=1 << 16)
    decision = read_answer([{"value": value}], approvals=())
    assert decision.allow != bool(decision.reasons)


def _note(data: bytes) -> None:
    text, lines = split_note(data)
    assert compose(text, lines) == data
    open_note(data, [NoteVerifier.from_vkey(_VKEY)])


def _checkpoint(data: bytes) -> None:
    text = _text(data)
    assert Checkpoint.parse(text).text() == text


def _proof(data: bytes) -> None:
    text = _text(data)
    assert LogProof.parse(text).encode() == text


def _entry_bundle(data: bytes) -> None:
    width, rest = _number(data, 256)
    entries = decode_entries(rest, width=width + 1)
    assert encode_entries(entries) == rest


def _tile(data: bytes) -> None:
    width, rest = _number(data, 256)
    assert b"".join(decode_tile(rest, width=width + 1)) == rest


def _entry(data: bytes) -> None:
    entry, *disclosures = data.split(b"\0")
    open_match_entry(entry, [_text(disclosure) for disclosure in disclosures])


def _logged_entry(data: bytes) -> None:
    body = api.parse_body(api.LoggedDecision, data)
    body.logged.verify(TrustPolicy.parse(_POLICY))


def _trust(data: bytes) -> None:
    read_trust(data, log_vkey=_VKEY)


def _frame(data: bytes) -> None:
    FrameOpener(bytes(32), match_id=bytes(16), direction=Direction.REQUESTER).open(data)


def _fragments(data: bytes) -> None:
    """Frames of a few bytes each; whatever is put together is what a sender would have cut."""
    assembler = Assembler(64, piece_bytes=PIECE_BYTES)
    taken: list[bytes] = []
    size = PIECE_BYTES + 1
    for start in range(0, len(data), size):
        taken.append(data[start : start + size])
        if (message := assembler.add(taken[-1], final=False)) is not None:
            assert list(fragment(message, piece_bytes=PIECE_BYTES)) == taken
            taken = []


def _request_signature(data: bytes) -> None:
    signature_input, signature, digest, body = _split(data, 4)
    headers = {
        "signature-input": signature_input.decode("latin-1"),
        "signature": signature.decode("latin-1"),
        "content-digest": digest.decode("latin-1"),
    }
    parts = RequestParts("POST", "broker.example", "/v1/matches", "", None, body)
    verify_request(parts, headers, resolve=_resolve, now=NOW)


def _resolve(keyid: str) -> VerifyKey:
    if keyid == "north-bank":
        return KEY.verify_key
    raise LookupError


def _token(data: bytes) -> None:
    check_token(bytes(32), data.decode("latin-1"), now=NOW)


def _texts(data: bytes) -> None:
    text = data.decode("latin-1")
    readers: Iterable[tuple[Callable[[str], bytes], Callable[[bytes], str]]] = ((from_b64u, b64u), (from_b64, b64))
    for read, write in readers:
        try:
            assert write(read(text)) == text
        except ProtocolError:
            continue
    for key in (VerifyKey, SealingPublicKey):
        try:
            assert key.from_text(text).text == text
        except ProtocolError:
            continue


def _key_file(data: bytes) -> None:
    open_key_file(data, b"passphrase")


def _invitation(data: bytes) -> None:
    key_of_invitation(data.decode("latin-1"))


def _identifier(kind: Kind, data: bytes) -> None:
    """A canonical form is canonical: read again, it stays what it is."""
    choice, rest = _number(data, len(REGIONS))
    text = rest.decode("utf-8", "replace")
    canonical = normalise(kind, text, REGIONS[choice])
    assert normalise(kind, canonical, REGIONS[choice]) == canonical
    assert canonical.isprintable()


def _source(data: bytes) -> None:
    choice, rest = _number(data, 3)
    column = (None, "phone", "e")[choice]

    def pieces() -> list[bytes]:
        return [rest]

    layout = layout_of(pieces, kind=Kind.PHONE, column=column, region="GB", delimiter=None, limits=LIMITS)
    for line in read_lines(pieces, layout, LIMITS):
        assert line.number > 1


def _text(data: bytes) -> str:
    """Text as a file or a field gives it; what is no text never reaches the parser."""
    return data.decode("utf-8", "replace")


def _number(data: bytes, below: int) -> tuple[int, bytes]:
    return (data[0] % below if data else 0), data[1:]


def _split(data: bytes, parts: int) -> list[bytes]:
    pieces = data.split(b"\0", parts - 1)
    return pieces + [b""] * (parts - len(pieces))


@cache
def statement_types() -> list[type[Statement]]:
    """Every statement of the protocol."""
    for module in pkgutil.iter_modules(tacita_protocol.statements.__path__):
        importlib.import_module(f"{tacita_protocol.statements.__name__}.{module.name}")
    found = [
        cls for cls in Statement.__subclasses__() if cls.__module__.startswith(tacita_protocol.statements.__name__)
    ]
    return sorted(found, key=lambda cls: cls.TYPE)


@cache
def api_bodies() -> list[type[Part]]:
    """Every body of the broker's API."""
    found = [value for value in vars(api).values() if isinstance(value, type) and issubclass(value, Part)]
    return sorted((cls for cls in found if cls is not Part), key=lambda cls: cls.__name__)


_LOG_KEY = key_named("fuzzed log")
_VKEY = NoteVerifier("log.fuzz.test", 1, _LOG_KEY.verify_key).vkey
_POLICY = f"log {_VKEY}\nquorum none\n"

TARGETS: Mapping[str, Target] = {
    "json": _json,
    "dsse": _envelope,
    "statement": _statement,
    "api-body": _body,
    "audit-export": _export,
    "node-orders": _order,
    "policy-answer": _policy_answer,
    "note": _note,
    "checkpoint": _checkpoint,
    "proof": _proof,
    "entry-bundle": _entry_bundle,
    "tile": _tile,
    "match-entry": _entry,
    "card-entry": open_card_entry,
    "logged-entry": _logged_entry,
    "trust-policy": _trust,
    "frame": _frame,
    "fragments": _fragments,
    "request-signature": _request_signature,
    "bearer-token": _token,
    "encodings-and-keys": _texts,
    "key-file": _key_file,
    "invitation": _invitation,
    **{f"identifier.{kind}": partial(_identifier, kind) for kind in Kind},
    "csv-source": _source,
}
"""Targets by name."""
