"""Installing the trust file: for the pinned broker's log, with witnesses, with our own key if we are one."""

from pathlib import Path

import pytest

from tacita_node.identity import NodeKeys, PinnedBroker
from tacita_node.trust import InstalledTrust, TrustRefused, install_trust
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.statements.partner import LegalEntity, PartnerCard
from tacita_protocol.statements.vocabulary import PartnerKind
from tacita_protocol.tlog.note import CosignatureSigner, NoteSigner
from tacita_protocol.tlog.trust import federation_policy
from tests.support.memory_log import key_named

LOG = NoteSigner("tacita.test/log", key_named("log")).verifier
KEYS = NodeKeys.generate()
OWN = PartnerCard(
    partner="north-bank",
    name="North Bank",
    kind=PartnerKind.BANK,
    jurisdictions=("GB",),
    legal_entity=LegalEntity(name="North Bank", register_=None, number=None),
    credentials=(),
    signing_key=KEYS.signing.verify_key.text,
    sealing_key=KEYS.sealing.public_key.text,
    witness_key=KEYS.witness.verify_key.text,
    contact="desk",
    issued=1_800_000_000,
)
BROKER = PinnedBroker(
    url="https://broker.test",
    broker="broker-one",
    name="Broker One",
    signing_key=key_named("broker").verify_key.text,
    log_vkey=LOG.vkey,
    origin=LOG.name,
)


def policy(*, log: str = "log", **witnesses: SigningKey) -> str:
    verifiers = {
        name.replace("_", "-"): CosignatureSigner(name.replace("_", "-"), key).verifier
        for name, key in witnesses.items()
    }
    return federation_policy(
        NoteSigner("tacita.test/log", key_named(log)).verifier, verifiers, threshold=len(verifiers)
    ).text


GOOD = policy(witness_one=key_named("one"), north_bank=KEYS.witness)


def test_a_newly_installed_file_counts_at_once(tmp_path: Path) -> None:
    path = tmp_path / "trust.policy"
    installed = InstalledTrust(path, log_vkey=LOG.vkey)
    assert installed.current() is None
    install_trust(path, GOOD.encode(), broker=BROKER, own=OWN)
    first = installed.current()
    assert first is not None
    assert set(first.witnesses) == {"witness-one", "north-bank"}
    assert installed.current() is first
    install_trust(path, policy(witness_two=key_named("two")).encode(), broker=BROKER, own=OWN)
    second = installed.current()
    assert second is not None
    assert set(second.witnesses) == {"witness-two"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not a trust policy"),
        (b"\xff", "not a trust policy"),
        (GOOD.encode() + b"#" * 70_000, "at most"),
        (GOOD.replace("group witnesses 2", "group witnesses 1").encode(), "in common"),
        (policy(log="another log", witness_one=key_named("one")).encode(), "log key"),
        (policy(witness_one=key_named("one"), north_bank=key_named("false")).encode(), "not this partner's"),
        (f"log {LOG.vkey}\nquorum none\n".encode(), "no witness"),
    ],
)
def test_other_files_are_refused_and_change_nothing(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "trust.policy"
    install_trust(path, GOOD.encode(), broker=BROKER, own=OWN)
    with pytest.raises(TrustRefused, match=said):
        install_trust(path, data, broker=BROKER, own=OWN)
    assert path.read_text() == GOOD


def test_a_spoilt_file_is_no_trust(tmp_path: Path) -> None:
    path = tmp_path / "trust.policy"
    installed = InstalledTrust(path, log_vkey=LOG.vkey)
    install_trust(path, GOOD.encode(), broker=BROKER, own=OWN)
    assert installed.current() is not None
    path.write_text("log x\n")
    for _ in range(2):
        with pytest.raises(TrustRefused):
            installed.current()
