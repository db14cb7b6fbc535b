"""Promise 1: identifiers leave a node only blinded.

1,000 canaries on each side, 40 of them shared, phones and accounts; a wire-tap between the nodes and the broker. After
real matches with real processes, no canary, token or hash of one stands in the broker's database, blobs or log, in what
any process logged, or in what passed over the wire.
"""

from collections.abc import Iterator

import pytest

from tacita_protocol.identifiers.kind import Kind
from tacita_sdk.node import Node
from tests.support.campaign.forked_programs import ForkedPrograms
from tests.support.canary import Canaries
from tests.support.federation import RunningPair, running_pair
from tests.support.identifiers import accounts, phones

COUNT = 1_000
SHARED = 40
BANK_PHONES, NGO_PHONES = phones(COUNT), phones(COUNT, start=COUNT - SHARED)
BANK_ACCOUNTS, NGO_ACCOUNTS = accounts(COUNT), accounts(COUNT, start=COUNT - SHARED)


@pytest.fixture(scope="module")
def canaries() -> Canaries:
    phone_forms = Canaries.of(Kind.PHONE, sorted({*BANK_PHONES, *NGO_PHONES}), ("0" + p[3:] for p in BANK_PHONES))
    account_forms = Canaries.of(Kind.ACCOUNT, sorted({*BANK_ACCOUNTS, *NGO_ACCOUNTS}), map(str.lower, BANK_ACCOUNTS))
    return Canaries({**phone_forms.needles, **account_forms.needles})


@pytest.fixture(scope="module")
def matched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPair]:
    """A federation in which both matches have been run, still running."""
    root = tmp_path_factory.mktemp("federation")
    with ForkedPrograms() as programs, running_pair(root, tapped=True, programs=programs) as pair:
        for node, kind, values in (
            (pair.bank, "phone", BANK_PHONES),
            (pair.bank, "account", BANK_ACCOUNTS),
            (pair.ngo, "phone", NGO_PHONES),
            (pair.ngo, "account", NGO_ACCOUNTS),
        ):
            pair.load(node, f"{kind}s", kind, values)
        pair.agree()
        assert len(_hits(pair.bank, pair.ngo_id, "accounts", "payment-screening", "gdpr-6-1-f")) == SHARED
        assert len(_hits(pair.ngo, pair.bank_id, "phones", "victim-protection", "gdpr-6-1-d")) == SHARED
        yield pair


@pytest.mark.parametrize("encoded", ["+447911000007", "447911000007", "GB", "token", "sha256"])
def test_the_scanner_finds_what_it_looks_for(canaries: Canaries, encoded: str) -> None:
    """A scan that cannot fail proves nothing: each form, planted in noise, is found at its place."""
    import base64
    import hashlib

    from tacita_protocol.identifiers.token import tokenise

    planted = {
        "GB": BANK_ACCOUNTS[7].encode(),
        "token": base64.b64encode(tokenise(Kind.PHONE, ["+447911000007"])[0].tobytes()),
        "sha256": hashlib.sha256(b"+447911000007").hexdigest().encode(),
    }.get(encoded, encoded.encode())
    noise = bytes(range(256)) * 40
    assert canaries.found_in(noise) == []
    assert len(noise) in canaries.found_in(noise + planted + noise)


def test_the_brokers_database_blobs_and_log_hold_no_canary(matched: RunningPair, canaries: Canaries) -> None:
    files = [file for file in (matched.root / "broker").rglob("*") if file.is_file()]
    assert any(file.suffix == ".db" for file in files)
    assert any("tile" in file.parts for file in files)
    assert {str(file) for file in files if canaries.found_in(file.read_bytes())} == set()


def test_no_process_logs_a_canary(matched: RunningPair, canaries: Canaries) -> None:
    logs = list(matched.root.glob("*.log"))
    assert len(logs) == 5
    assert sum(file.stat().st_size for file in logs) > 0
    assert {str(file) for file in logs if canaries.found_in(file.read_bytes())} == set()


def test_the_wire_carries_no_canary(matched: RunningPair, canaries: Canaries) -> None:
    assert matched.tap is not None
    recorded = matched.tap.recorded
    assert b"/frames/requester/" in recorded
    assert canaries.found_in(recorded) == []


def test_the_audit_export_carries_no_canary(matched: RunningPair, canaries: Canaries) -> None:
    for node in (matched.bank, matched.ngo):
        assert canaries.found_in(node.audit_export().model_dump_json().encode()) == []


def _hits(node: Node, peer: str, dataset: str, purpose: str, basis: str) -> tuple[str, ...]:
    match = node.match(dataset=dataset, with_=f"{peer}/{dataset}", purpose=purpose, basis=basis, case="canary")
    result = match.wait(timeout=120, closed=True)
    assert result.summary.state == "closed", result.summary
    return tuple(hit.value for hit in result.hits)
