"""`make demo`: a whole federation on this machine, real matches on synthetic data, and the proof verified offline.

Ends with one JSON line, and exit code 0 only when every planted overlap was found, nothing else was, the denied and the
refused match were just that, and the audit trail verified.
"""

import argparse
import contextlib
import json
import shutil
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.demo.federation import Federation, Member
from deploy.demo.matches import Tally, match_all
from deploy.demo.sample_data import REGION, SampleData, write_sample_data
from tacita_sdk.errors import NodeUnreachable
from tacita_sdk.node import Node
from tacita_sdk.node_api import AgreementDraft, PublishOrder, TermDraft

ROOT = Path(".demo")
MARKER = ".made-by-tacita-demo"
NOTICE = "Synthetic data, one machine, one operator runs every witness."
APPROVAL_SECONDS = 30.0
INDEPENDENT_WITNESSES = ("witness-north", "witness-south")
# A denial's closing entry comes at a random time, so that it looks like a match's; the demo does not wait long for it.
ENVIRONMENT = {"TACITA_BROKER_DENIAL_CLOSING_MEAN_SECONDS": "2"}


def main() -> int:
    """Run the demo; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running until Ctrl-C")
    keep = parser.parse_args().keep
    # Both signals end it in order, also when a shell started it in the background, with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    started = time.monotonic()
    print(NOTICE)
    _clear(ROOT)
    with Federation(ROOT, ENVIRONMENT) as federation, ThreadPoolExecutor(1) as beside:
        writing = beside.submit(write_sample_data, ROOT / "data")
        bank, ngo = _found(federation)
        data = writing.result()
        tally = Tally()
        with Node(bank.url, token=bank.token) as bank_node, Node(ngo.url, token=ngo.token) as ngo_node:
            _wait_until_ready(bank_node, ngo_node)
            _load(bank_node, ngo_node, data)
            _agree(bank_node, ngo_node, bank, ngo)
            match_all(bank_node, ngo_node, data, tally)
        _verify(federation, (bank, ngo), tally)
        line = json.dumps(tally.summary())
        (ROOT / "summary.json").write_text(line + "\n", encoding="ascii")
        print(f"\nEverything is in {ROOT}/; it took {time.monotonic() - started:.0f} s.")
        if keep:
            print(f"Still running: broker {federation.broker_url}, bank {bank.url}, NGO {ngo.url}. Ctrl-C stops them.")
            print("A token for each local API is in .demo/secrets/.")
            print(line, flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    for problem in tally.unexpected:
        print(problem, file=sys.stderr)
    if not keep:
        print(line)
    return 0 if tally.as_promised else 1


def _clear(root: Path) -> None:
    """An empty folder; one that this demo did not make is left alone."""
    if root.exists():
        if not (root / MARKER).exists():
            raise SystemExit(f"{root}/ was not made by the demo: move it away first.")
        shutil.rmtree(root)
    (root / "data").mkdir(parents=True)
    (root / MARKER).touch()


def _found(federation: Federation) -> tuple[Member, Member]:
    """Broker, two nodes and two witnesses, each its own process; the trust file; the nodes started."""
    print("\nStarting a broker, a bank, an NGO and two independent witnesses ...")
    info = federation.start_broker()
    with ThreadPoolExecutor() as together:
        nodes = [
            together.submit(federation.enrol, "albion-bank", name="Albion Bank", kind="bank", jurisdiction=REGION),
            together.submit(federation.enrol, "haven", name="Haven", kind="ngo", jurisdiction=REGION),
        ]
        witnesses = [
            together.submit(federation.start_witness, name, log_vkey=info["log_vkey"]) for name in INDEPENDENT_WITNESSES
        ]
    bank, ngo = (node.result() for node in nodes)
    federation.issue_trust(
        log_vkey=info["log_vkey"],
        independent=dict(witness.result() for witness in witnesses),
        nodes={member.partner: member.witness_vkey for member in (bank, ngo)},
    )
    federation.start_node(bank)
    federation.start_node(ngo)
    return bank, ngo


def _wait_until_ready(*nodes: Node) -> None:
    give_up = time.monotonic() + APPROVAL_SECONDS
    for node in nodes:
        while True:
            try:
                status = node.status()
                if status.approved and status.trust:
                    break
            except NodeUnreachable:
                if time.monotonic() > give_up:
                    raise
            if time.monotonic() > give_up:
                raise SystemExit("A node was not approved in time.")
            time.sleep(0.1)


def _load(bank: Node, ngo: Node, data: SampleData) -> None:
    print("\nImporting: every file stays on its own node.")
    imports = (
        (bank, data.customers, "customer-phones", "phone", "mobile"),
        (bank, data.customers, "customer-accounts", "account", "iban"),
        (bank, data.customers, "customer-emails", "email", "email"),
        (ngo, data.hotline_phones, "hotline-phones", "phone", "number"),
        (ngo, data.reported_accounts, "reported-accounts", "account", "account"),
        (ngo, data.suspect_phones, "suspects", "phone", "number"),
        (ngo, data.advert_emails, "advert-emails", "email", "address"),
    )
    for node, file, dataset, kind, column in imports:
        report = node.import_csv(file, dataset=dataset, kind=kind, column=column, region=REGION)
        print(f"  {dataset}: {report.accepted} accepted, {report.duplicates} duplicates, {report.rejected} rejected")
    for node, dataset, sensitivity, visible_to in (
        (bank, "customer-phones", "ordinary", "ngo"),
        (bank, "customer-accounts", "financial", "ngo"),
        (bank, "customer-emails", "ordinary", "ngo"),
        (ngo, "hotline-phones", "possible-victim", "bank"),
        (ngo, "reported-accounts", "financial", "bank"),
        (ngo, "suspects", "ordinary", "bank"),
    ):
        node.publish(dataset, PublishOrder(sensitivity=sensitivity, discoverable_by=(visible_to,)))


def _agree(bank: Node, ngo: Node, bank_member: Member, ngo_member: Member) -> None:
    """Confirm fingerprints (each read from the other's own machine, not from the broker), propose, sign."""
    bank.confirm_partner(ngo_member.partner, ngo_member.fingerprint)
    ngo.confirm_partner(bank_member.partner, bank_member.fingerprint)
    terms = (
        TermDraft(
            owner=ngo_member.partner,
            dataset="reported-accounts",
            kind="account",
            purposes=("payment-screening",),
            legal_bases=("gdpr-6-1-f",),
        ),
        TermDraft(
            owner=bank_member.partner,
            dataset="customer-phones",
            kind="phone",
            purposes=("victim-protection",),
            legal_bases=("gdpr-6-1-d",),
        ),
        TermDraft(
            owner=bank_member.partner,
            dataset="customer-emails",
            kind="email",
            modes=("intersection", "cardinality"),
            purposes=("victim-protection",),
            legal_bases=("gdpr-6-1-d",),
        ),
        TermDraft(
            owner=ngo_member.partner,
            dataset="suspects",
            kind="phone",
            result_to=("owner",),
            purposes=("payment-screening",),
            legal_bases=("gdpr-6-1-f",),
        ),
    )
    proposed = bank.propose_agreement(
        AgreementDraft(
            with_=ngo_member.partner,
            terms=terms,
            approved_by=("bank-data-owner", "bank-compliance"),
            their_approvers=("haven-director",),
        )
    )
    give_up = time.monotonic() + APPROVAL_SECONDS
    while proposed.agreement not in {agreement.agreement for agreement in ngo.agreements()}:
        if time.monotonic() > give_up:
            raise SystemExit("The proposed agreement did not arrive.")
        time.sleep(0.1)
    ngo.sign_agreement(proposed.agreement)
    while bank.agreement(proposed.agreement).state != "signed":
        if time.monotonic() > give_up:
            raise SystemExit("The signed agreement did not come back.")
        time.sleep(0.1)
    print("\nBank and NGO confirmed each other's fingerprints and signed an agreement.")


def _verify(federation: Federation, members: tuple[Member, ...], tally: Tally) -> None:
    print("\nVerifying the audit trail offline, from files alone:")
    exports = []
    for member in members:
        file = ROOT / f"{member.partner}-audit.json"
        federation.tacita("audit", "export", str(file), member=member)
        exports.append(str(file))
    answer = federation.tacita(
        "audit", "verify", *exports, "--log", str(federation.log_directory), "--trust", str(federation.trust_file),
        "--json",
    )  # fmt: skip
    report = json.loads(answer)
    for step in report["steps"]:
        print(f"  {step['step']:>2}  {step['name']}: {step['proved']}")
    print(f"  Again, yourself: .venv/bin/tacita audit verify {' '.join(exports)} \\")
    print(f"    --log {federation.log_directory} --trust {federation.trust_file}")
    tally.verified = report["verified"] is True
    tally.log_size = int((federation.log_directory / "checkpoint").read_text(encoding="utf-8").splitlines()[1])


if __name__ == "__main__":
    sys.exit(main())
