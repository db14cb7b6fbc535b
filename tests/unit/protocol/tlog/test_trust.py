"""The trust policy: its syntax, who counts for a quorum, and who does not."""

import pytest

from tacita_protocol.errors import LimitExceeded, MalformedMessage, ProofInvalid, ProtocolError, SignatureInvalid
from tacita_protocol.tlog.note import CosignatureSigner, NoteSigner, compose
from tacita_protocol.tlog.trust import TrustPolicy, federation_policy
from tests.support.memory_log import ORIGIN, MemoryLog, key_named

LOG = NoteSigner(ORIGIN, key_named(ORIGIN))
X1, X2, X3, Y1 = (CosignatureSigner(name, key_named(name)) for name in ("x1", "x2", "x3", "y1"))
WITNESSES = "".join(f"witness {w.name} {w.vkey} https://{w.name}.test/\n" for w in (X1, X2, X3, Y1))
HEAD = f"log {LOG.vkey} https://log.test/\n{WITNESSES}"
NESTED = f"""\
# a comment

  {HEAD}\
group xs 2 x1 x2 x3
\tgroup both \t all xs y1
  # another
quorum both
"""


def note(*cosigners: CosignatureSigner, log: NoteSigner | None = LOG, origin: str = ORIGIN) -> bytes:
    source = MemoryLog(origin=origin)
    source.append(b"entry")
    text = source.checkpoint().text()
    signed = [log.sign(text)] if log else []
    return compose(text, [*signed, *(c.cosign(text, 1000 + i) for i, c in enumerate(cosigners))])


def test_nested_groups() -> None:
    trust = TrustPolicy.parse(NESTED)
    assert (trust.origin, list(trust.witnesses), trust.quorum) == (ORIGIN, ["x1", "x2", "x3", "y1"], "both")

    verified = trust.check(note(X1, X3, Y1))

    assert (verified.checkpoint.size, verified.cosigned_by) == (1, frozenset({"x1", "x3", "y1"}))
    assert verified.latest_cosign_time == 1002


@pytest.mark.parametrize("cosigners", [(), (X1, X2, X3), (X1, Y1), (Y1,)])
def test_quorum_missed(cosigners: tuple[CosignatureSigner, ...]) -> None:
    with pytest.raises(ProofInvalid, match="too few independent witnesses"):
        TrustPolicy.parse(NESTED).check(note(*cosigners))


def test_parties_do_not_count() -> None:
    trust = TrustPolicy.parse(NESTED)
    assert trust.check(note(X1, X2, X3, Y1), excluded=frozenset({"x2"})).cosigned_by == {"x1", "x3", "y1"}
    for excluded in [{"y1"}, {"x1", "x2"}]:
        with pytest.raises(ProofInvalid, match="too few independent witnesses"):
            trust.check(note(X1, X2, X3, Y1), excluded=frozenset(excluded))


def test_a_party_does_not_count_under_another_name_of_its_key() -> None:
    trust = TrustPolicy.parse(f"log {LOG.vkey}\nwitness regulator {X1.vkey}\nquorum regulator\n")
    assert trust.check(note(X1)).cosigned_by == {"regulator"}
    for name in ("x1", "regulator"):
        with pytest.raises(ProofInvalid, match="too few independent witnesses"):
            trust.check(note(X1), excluded=frozenset({name}))


@pytest.mark.parametrize(
    ("rule", "overlap"),
    [
        ("quorum none", False),
        ("quorum x1", True),
        ("group g any x1 x2\nquorum g", False),
        ("group g all x1 x2\nquorum g", True),
        ("group g 2 x1 x2 x3\nquorum g", True),
        ("group g 2 x1 x2 x3 y1\nquorum g", False),
        ("group g 3 x1 x2 x3 y1\nquorum g", True),
        ("group e any x1 x2\ngroup g all e y1\nquorum g", True),
        ("group e any x1 x2\ngroup f any x3 y1\ngroup g all e f\nquorum g", False),
        ("group e any x1 x2\ngroup g 2 e x3 y1\nquorum g", False),
    ],
)
def test_quorums_that_share_no_witness_are_known(rule: str, overlap: bool) -> None:
    assert TrustPolicy.parse(f"{HEAD}{rule}\n").quorums_overlap is overlap


@pytest.mark.parametrize(
    ("rule", "cosigners", "holds"),
    [
        ("quorum x1", (X1,), True),
        ("quorum x1", (X2,), False),
        ("group g any x1 x2\nquorum g", (X2,), True),
        ("group g any x1 x2\nquorum g", (X3,), False),
        ("group g all x1 x2\nquorum g", (X1, X2), True),
        ("group g all x1 x2\nquorum g", (X1,), False),
        ("group g 2 x1 x2 x3\nquorum g", (X3, X1), True),
    ],
)
def test_rules(rule: str, cosigners: tuple[CosignatureSigner, ...], holds: bool) -> None:
    trust = TrustPolicy.parse(f"{HEAD}{rule}\n")
    if holds:
        trust.check(note(*cosigners))
    else:
        with pytest.raises(ProofInvalid):
            trust.check(note(*cosigners))


def test_no_quorum_proves_nothing() -> None:
    trust = TrustPolicy.parse(f"{HEAD}quorum none\n")
    with pytest.raises(ProofInvalid, match="demands no witness"):
        trust.check(note(X1, X2, X3, Y1))
    assert trust.check_log_signature(note()).size == 1


HOSTILE_NOTES: dict[str, tuple[bytes, type[ProtocolError]]] = {
    "the log did not sign": (note(X1, X2, Y1, log=None), ProofInvalid),
    "another key of the same name": (note(X1, X2, Y1, log=NoteSigner(ORIGIN, key_named("other"))), ProofInvalid),
    "another origin, signed by the log's key": (note(X1, X2, Y1, origin="other.test"), ProofInvalid),
    "a cosignature moved from another checkpoint": (
        note(X1, X2, Y1).replace(b"\n1\n", b"\n2\n", 1),
        SignatureInvalid,
    ),
    "a cosignature under a witness's name by another key": (
        note(X1, CosignatureSigner("x2", key_named("other")), Y1),
        ProofInvalid,
    ),
}


@pytest.mark.parametrize(("data", "error"), HOSTILE_NOTES.values(), ids=HOSTILE_NOTES.keys())
def test_hostile_note(data: bytes, error: type[ProtocolError]) -> None:
    with pytest.raises(error):
        TrustPolicy.parse(NESTED).check(data)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "newline"),
        ("quorum none\n", "one log line"),
        (HEAD, "one quorum line"),
        (f"{HEAD}quorum x1", "newline"),
        (f"{HEAD}quorum x1\r\n", "newline"),
        (f"{HEAD}quorum x1\nquorum x2\n", "second quorum"),
        (f"{HEAD}quorum x9\n", "not defined"),
        (f"{HEAD}quorum\n", "expected log"),
        (f"{HEAD}quorum x1 x2\n", "expected log"),
        (f"{HEAD}log {NoteSigner('b', key_named('b')).vkey}\nquorum x1\n", "second log"),
        (f"{HEAD}witness x1 {CosignatureSigner('b', key_named('b')).vkey}\nquorum x1\n", "twice or reserved"),
        (f"{HEAD}witness none {CosignatureSigner('b', key_named('b')).vkey}\nquorum x1\n", "twice or reserved"),
        # One key under two names would count twice.
        (f"{HEAD}witness x9 {CosignatureSigner('x9', key_named('x1')).vkey}\nquorum x1\n", "one key"),
        (f"{HEAD}witness x9 {NoteSigner('x9', key_named('x9')).vkey}\nquorum x1\n", "signature type"),
        (f"{HEAD}witness x9 {CosignatureSigner('x9', key_named(ORIGIN)).vkey}\nquorum x1\n", "witness itself"),
        (f"{WITNESSES}log {NoteSigner(ORIGIN, key_named('x1')).vkey}\nquorum x1\n", "witness itself"),
        (f"{HEAD}witness x9\nquorum x1\n", "expected log"),
        (f"{HEAD}group g 0 x1 x2\nquorum g\n", "threshold"),
        (f"{HEAD}group g 3 x1 x2\nquorum g\n", "threshold"),
        (f"{HEAD}group g 02 x1 x2\nquorum g\n", "decimal"),
        (f"{HEAD}group g all\nquorum g\n", "expected log"),
        (f"{HEAD}group g all x1 x1\nquorum g\n", "listed twice"),
        (f"{HEAD}group g all x1\ngroup h all x1\nquorum g\n", "listed twice"),
        (f"{HEAD}group g all g\nquorum g\n", "not defined"),
        (f"{HEAD}group g all none\nquorum g\n", "not defined"),
        (f"{HEAD}group x1 all x2\nquorum x1\n", "twice or reserved"),
        (f"quorum x1\n{HEAD}", "not defined"),
        (f"{HEAD}gossip x1\nquorum x1\n", "expected log"),
        (f"log {X1.vkey}\nquorum none\n", "signature type"),
        (f"{HEAD}quorum x1\n\ud800\n", "lines of text"),
    ],
)
def test_refused_policy(text: str, reason: str) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        TrustPolicy.parse(text)


def test_error_names_the_line() -> None:
    with pytest.raises(MalformedMessage, match="line 6: "):
        TrustPolicy.parse(f"{HEAD}quorum x9\n")


def test_limits() -> None:
    with pytest.raises(LimitExceeded):
        TrustPolicy.parse("#" * 65536 + "\n")
    many = "".join(f"witness w{i} {CosignatureSigner('w', key_named(f'w{i}')).vkey}\n" for i in range(33))
    with pytest.raises(MalformedMessage, match="too many witnesses"):
        TrustPolicy.parse(f"log {LOG.vkey}\n{many}quorum w0\n")


def test_policy_of_a_federation() -> None:
    trust = federation_policy(LOG.verifier, {w.name: w.verifier for w in (X2, X1, Y1)}, threshold=2)
    assert TrustPolicy.parse(trust.text) == trust
    assert trust.check(note(X1, Y1)).cosigned_by == {"x1", "y1"}
    with pytest.raises(ProofInvalid):
        trust.check(note(X1))
