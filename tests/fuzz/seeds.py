"""Where fuzzing starts from: for each target a few inputs that its parser accepts, or nearly does."""

import json
from pathlib import Path

from tacita_protocol.crypto.bearer import issue_token
from tacita_protocol.crypto.digest import Digest
from tacita_protocol.crypto.encoding import b64u
from tacita_protocol.crypto.frames import Direction, FrameSealer
from tacita_protocol.crypto.httpsig import RequestParts, sign_request
from tacita_protocol.crypto.jcs import canonical_json
from tacita_protocol.session.fragments import fragment
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.entry import build_card_entry, build_match_entry
from tacita_protocol.tlog.note import NoteSigner, compose
from tacita_protocol.tlog.proof import LogProof
from tacita_protocol.tlog.tiles import encode_entries
from tests.fuzz.targets import KEY, NOW, PIECE_BYTES, statement_types
from tests.support.memory_log import key_named

VECTORS = Path(__file__).parents[1] / "vectors"

_LOG = NoteSigner("log.fuzz.test", key_named("fuzzed log"))
_CHECKPOINT = Checkpoint(_LOG.name, 1, bytes(32)).text()
_DIGEST = Digest("0" * 64)
_NOTE = compose(_CHECKPOINT, [_LOG.sign(_CHECKPOINT)])


def seeds_of(target: str) -> list[bytes]:
    """Inputs to begin with; none for a target whose parser finds its own way."""
    group, _, name = target.partition(".")
    match group:
        case "statement":
            return [bytes([number]) + _payload(cls.TYPE) for number, cls in enumerate(statement_types())]
        case "dsse":
            return [path.read_bytes() for path in sorted((VECTORS / "statements").glob("*.dsse.json"))]
        case "identifier":
            return _spellings(name)
        case "json":
            return [b'{"a":[1,"x",null,true,-0.5e3],"b":{}}', b'"\\ud83d\\ude00"']
        case "note":
            return [_NOTE]
        case "checkpoint":
            return [_CHECKPOINT.encode()]
        case "proof":
            return [LogProof(0, (bytes(32),), _NOTE).encode().encode()]
        case "entry-bundle":
            return [b"\x01" + encode_entries([b"entry", b""])]
        case "tile":
            return [b"\x01" + bytes(64)]
        case "match-entry":
            built = build_match_entry({"type": "opening"}, sealed=_DIGEST, time=NOW, entropy=bytes)
            return [b"\0".join([built.entry, *(text.encode() for text in built.disclosures)])]
        case "card-entry":
            return [build_card_entry("partner-card", _DIGEST, NOW)]
        case "trust-policy":
            return [f"log {_LOG.vkey}\nwitness one {_LOG.vkey}\ngroup all 1 one\nquorum all\n".encode()]
        case "frame":
            return [FrameSealer(bytes(32), match_id=bytes(16), direction=Direction.REQUESTER).seal(b"x", final=True)]
        case "fragments":
            return [b"".join(fragment(b"0123456789", piece_bytes=PIECE_BYTES))]
        case "request-signature":
            parts = RequestParts("POST", "broker.example", "/v1/matches", "", None, b"{}")
            signed = sign_request(parts, KEY, keyid="north-bank", now=NOW)
            fields = (signed[field].encode() for field in ("signature-input", "signature", "content-digest"))
            return [b"\0".join([*fields, b"{}"])]
        case "bearer-token":
            return [issue_token(bytes(32), {"partner": "north-bank"}, expires=NOW + 60).encode()]
        case "encodings-and-keys":
            return [KEY.verify_key.text.encode(), b"QUJD", b64u(bytes(1216)).encode()]
        case "invitation":
            return [f"{b64u(bytes(24))}.{KEY.verify_key.text}".encode()]
        case "csv-source":
            return [b"\x01phone,note\n+447911000001,x\n", b'\x00e\r\n"a\r\nb"\r\n', b"\x02a;e\n1;2\n"]
        case _:
            return []


def _payload(statement: str) -> bytes:
    return canonical_json(json.loads((VECTORS / "statements" / f"{statement}.json").read_bytes()))


def _spellings(kind: str) -> list[bytes]:
    """The spelling column of the kind's table, read as an identifier of the second region."""
    lines = (VECTORS / "identifiers" / f"{kind}.tsv").read_text("utf-8").splitlines()
    return [b"\x01" + line.split("\t")[0].encode() for line in lines if line and not line.startswith("#")]
