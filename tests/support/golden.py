"""The golden files: every type of statement as JSON to read, and as the bytes that travel.

`python -m tests.support.golden` writes `tests/vectors/statements/` anew. What is there has been signed by somebody:
a file that changes needs a new version of its type.
"""

from dataclasses import dataclass
from pathlib import Path

from tacita_protocol.statements.statement import Signed, Statement, sign_statement
from tests.support import later_statements as later
from tests.support import statement_variants as other
from tests.support import statements as said
from tests.support.memory_log import key_named

DIRECTORY = Path(__file__).parents[1] / "vectors" / "statements"


@dataclass(frozen=True)
class Golden:
    """A statement, and the names of the keys that sign it (`key_named`)."""

    body: Statement
    signers: tuple[str, ...]

    def signed(self) -> Signed[Statement]:
        """The statement under its signatures."""
        return sign_statement(self.body, *(key_named(signer) for signer in self.signers))

    def readable(self) -> str:
        """The payload for people: indented, its fields in the order in which the code documents them."""
        return self.body.model_dump_json(indent=2) + "\n"


GOLDEN: dict[str, Golden] = {
    "partner-card": Golden(said.PARTNER_CARD, ("first-bank",)),
    "key-rotation": Golden(later.KEY_ROTATION, ("first-bank", "first-bank/2")),
    "revocation": Golden(later.REVOCATION, ("safe-harbour",)),
    "revocation-partner": Golden(other.REVOKED_PARTNER, ("broker-one",)),
    "revocation-key": Golden(other.REVOKED_KEY, ("first-bank",)),
    "revocation-agreement": Golden(other.REVOKED_AGREEMENT, ("safe-harbour",)),
    "revocation-grant": Golden(other.REVOKED_GRANT, ("broker-one",)),
    "agreement": Golden(said.AGREEMENT, ("first-bank", "safe-harbour")),
    "agreement-standing": Golden(other.STANDING_AGREEMENT, ("first-bank", "safe-harbour")),
    "agreement-question": Golden(other.QUESTION_AGREEMENT, ("first-bank", "safe-harbour")),
    "dataset-card": Golden(said.DATASET_CARD, ("safe-harbour",)),
    "dataset-card-online": Golden(said.ONLINE_CARD, ("safe-harbour",)),
    "dataset-card-ordinary": Golden(other.ORDINARY_CARD, ("safe-harbour",)),
    "dataset-card-victims": Golden(other.VICTIMS_CARD, ("safe-harbour",)),
    "match-request": Golden(said.MATCH_REQUEST, ("first-bank",)),
    "match-request-silent": Golden(said.SILENT_REQUEST, ("first-bank",)),
    "match-request-both": Golden(other.REQUEST_FOR_BOTH, ("first-bank",)),
    "match-request-cardinality": Golden(other.CARDINALITY_REQUEST, ("first-bank",)),
    "promise": Golden(said.PROMISE, ("broker-one",)),
    "grant": Golden(said.GRANT, ("broker-one",)),
    "denial": Golden(said.DENIAL, ("broker-one",)),
    "acceptance": Golden(said.ACCEPTANCE, ("safe-harbour",)),
    "refusal": Golden(said.REFUSAL, ("safe-harbour",)),
    "refusal-by-policy": Golden(other.REFUSAL_BY_POLICY, ("safe-harbour",)),
    "open": Golden(said.OPEN, ("first-bank",)),
    "receipt": Golden(said.RECEIPT, ("first-bank",)),
    "receipt-aborted": Golden(said.ABORTED_RECEIPT, ("first-bank",)),
    "receipt-responder": Golden(other.RESPONDER_RECEIPT, ("safe-harbour",)),
    "disclosure": Golden(later.DISCLOSURE, ("safe-harbour",)),
    "disclosure-contact": Golden(other.DISCLOSED_CONTACT, ("safe-harbour",)),
    "disclosure-record": Golden(other.DISCLOSED_RECORD, ("safe-harbour",)),
    "referral": Golden(later.REFERRAL, ("first-bank",)),
    "referral-clear": Golden(other.OPEN_REFERRAL, ("first-bank",)),
    "retraction": Golden(later.RETRACTION, ("safe-harbour",)),
    "retraction-hit": Golden(later.RETRACTED_HIT, ("first-bank",)),
    "retraction-label": Golden(other.RETRACTED_LABEL, ("safe-harbour",)),
    "retraction-referral": Golden(other.RETRACTED_REFERRAL, ("first-bank",)),
    "retraction-bundle": Golden(other.RETRACTED_BUNDLE, ("first-bank",)),
    "verdict": Golden(later.VERDICT, ("first-bank",)),
    "verdict-confirmed": Golden(other.CONFIRMED, ("first-bank",)),
    "verdict-duplicate": Golden(other.DUPLICATE, ("first-bank",)),
    "erasure": Golden(later.ERASURE, ("safe-harbour", "data-authority")),
}
"""By file name: the type, or the type with what is special about the example."""

STATEMENTS: dict[str, Statement] = {name: golden.body for name, golden in GOLDEN.items() if name == golden.body.TYPE}
"""One of every type."""


def write(directory: Path = DIRECTORY) -> None:
    """Write every golden file."""
    directory.mkdir(exist_ok=True)
    for name, golden in GOLDEN.items():
        (directory / f"{name}.json").write_text(golden.readable(), encoding="utf-8")
        (directory / f"{name}.dsse.json").write_text(golden.signed().envelope, encoding="ascii")


if __name__ == "__main__":
    write()
