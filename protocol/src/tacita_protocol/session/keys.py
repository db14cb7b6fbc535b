"""From two sealed secrets to the keys of a session.

Each side contributes 32 random bytes, sealed (hybrid HPKE) to the other's ephemeral key. Every derived key is bound to
the digests of the four statements that made the session, so a party that saw other statements derives other keys::

    sid                = HKDF-SHA256(s1 || s2, "tacita/session-id/v1" 00 || digests)
    key of a direction = HKDF-SHA256(s1 || s2, "tacita/session/v1" 00 || direction 00 || digests)
    digests            = SHA-256 of the payloads of request, grant, acceptance, open
"""

from dataclasses import dataclass, field

from tacita_protocol.crypto.digest import Digest, hkdf_sha256, sha256
from tacita_protocol.crypto.encoding import b64u, from_b64u
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.crypto.keys import SealingKey, SealingPublicKey
from tacita_protocol.crypto.sealing import seal, unseal
from tacita_protocol.errors import MalformedMessage
from tacita_protocol.statements.vocabulary import Role

SECRET_BYTES = 32

_SECRET_DOMAIN = b"tacita/session-secret/v1\0"
_ID_DOMAIN = b"tacita/session-id/v1\0"
_KEY_DOMAIN = b"tacita/session/v1\0"
_CONFIRM_DOMAIN = b"tacita/confirm/v1\0"


@dataclass(frozen=True)
class SessionKeys:
    """The session id (32 bytes, known to the two sides only) and one frame key per direction."""

    session_id: bytes = field(repr=False)
    requester: bytes = field(repr=False)
    responder: bytes = field(repr=False)

    def of(self, direction: Direction) -> bytes:
        """The key of the frames that `direction` sends."""
        return self.requester if direction is Direction.REQUESTER else self.responder


def seal_secret(secret: bytes, to: SealingPublicKey, *, role: Role, match_id: bytes, sender: str) -> str:
    """`secret` sealed to the peer's ephemeral key, as base64url. `role` and `sender` are the sealing side's."""
    return b64u(seal(secret, to, info=_secret_info(role, match_id, sender)))


def unseal_secret(text: str, key: SealingKey, *, role: Role, match_id: bytes, sender: str) -> bytes:
    """The peer's secret. `role` and `sender` are the peer's.

    Raises `DecryptionFailed` when it was sealed to another key or for another match, role or sender.
    """
    secret = unseal(from_b64u(text, field="sealed_secret"), key, info=_secret_info(role, match_id, sender))
    if len(secret) != SECRET_BYTES:
        raise MalformedMessage(f"not {SECRET_BYTES} bytes", field="sealed_secret")
    return secret


def derive_keys(
    s1: bytes, s2: bytes, *, request: Digest, grant: Digest, acceptance: Digest, opening: Digest
) -> SessionKeys:
    """The keys of the session: `s1` is the responder's secret, `s2` the requester's."""
    secret = s1 + s2
    digests = b"".join(bytes.fromhex(digest) for digest in (request, grant, acceptance, opening))
    return SessionKeys(
        session_id=hkdf_sha256(secret, _ID_DOMAIN + digests),
        requester=hkdf_sha256(secret, _KEY_DOMAIN + b"requester\0" + digests),
        responder=hkdf_sha256(secret, _KEY_DOMAIN + b"responder\0" + digests),
    )


def confirmation(session_id: bytes) -> bytes:
    """What the first frame of each direction says: only a holder of the session id can compute it."""
    return _CONFIRM_DOMAIN + sha256(_CONFIRM_DOMAIN, session_id)


def _secret_info(role: Role, match_id: bytes, sender: str) -> bytes:
    # Unambiguous: the role has no NUL, the match id has 16 bytes, the sender ends the text.
    return _SECRET_DOMAIN + role.value.encode("ascii") + b"\0" + match_id + sender.encode("ascii")
