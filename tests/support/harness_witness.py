"""A witness of a broker in this process, which a test may ask to work once, or not at all."""

from collections.abc import Callable

import httpx2

from tacita_protocol.api import WitnessNext, parse_body
from tacita_protocol.crypto.encoding import from_b64u
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.merkle import verify_consistency
from tacita_protocol.tlog.note import CosignatureSigner, NoteVerifier, split_note
from tacita_protocol.tlog.trust import TrustPolicy


class HarnessWitness:
    """A witness that checks consistency from its own size before it cosigns, over the public routes."""

    def __init__(self, name: str, log: NoteVerifier) -> None:
        self.signer = CosignatureSigner(name, SigningKey.generate())
        self._trust = TrustPolicy.parse(f"log {log.vkey}\nquorum none\n")
        self.seen: Checkpoint | None = None

    async def poll(self, client: httpx2.AsyncClient, clock: Callable[[], int], wait: int = 0) -> bool:
        """One round, by a client of the broker: False when there was nothing to cosign."""
        old = self.seen.size if self.seen else 0
        answer = await client.get("/v1/witness/next", params={"old": old, "wait": wait})
        if answer.status_code != 200:
            assert answer.status_code == 204, answer.text
            return False
        news = parse_body(WitnessNext, answer.content)
        checkpoint = self._trust.check_log_signature(news.checkpoint.encode())
        if self.seen is not None:
            proof = [from_b64u(value, length=32) for value in news.proof]
            verify_consistency(self.seen.size, self.seen.root, checkpoint.size, checkpoint.root, proof)
        text, _ = split_note(news.checkpoint.encode())
        body = {"size": checkpoint.size, "line": self.signer.cosign(text, clock())}
        answer = await client.post("/v1/witness/cosignatures", json=body)
        assert answer.status_code in (204, 409), answer.text
        # Only now: a test that stops the witness in between must not leave a checkpoint that it never signs. (A real
        # witness remembers first, and signs its last checkpoint again.)
        self.seen = checkpoint
        return True
