"""Every command of the three programs, typed at a real federation, with what it answered as JSON.

The story ends where it began: what is taken back is given again, so that whoever comes after can match.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from deploy.demo.federation import Member
from tacita_sdk.match_end import FINAL_STATES
from tests.support.command_schemas import PROGRAMS
from tests.support.federation import RunningPair, until
from tests.support.identifiers import accounts

BANK_BOOK, NGO_LIST = "customer-accounts", "reported-accounts"
ORDER = (
    *("--dataset", BANK_BOOK, "--with", f"ngo/{NGO_LIST}", "--purpose", "payment-screening"),
    *("--basis", "gdpr-6-1-f", "--case", "AB-2026-114"),
)
SHARED = 3


@dataclass
class Typist:
    """Types commands in this process, and remembers what each answered."""

    root: Path
    environment: Mapping[str, str]
    answers: dict[str, Any] = field(default_factory=dict)

    def __call__(self, program: str, words: str, *arguments: str | Path, code: int | None = 0) -> Any:
        """Types one command with --json, which ends with that code, or with any; its answer."""
        asked = [*words.split(), *map(str, arguments), "--json"]
        cleared = dict.fromkeys((name for name in os.environ if name.startswith("TACITA_")), "")
        done = CliRunner(env={**cleared, **self.environment}).invoke(PROGRAMS[program][0], asked)
        assert code in (None, done.exit_code), (program, asked, done.output, done.exception)
        self.answers[f"{program} {words}"] = answer = json.loads(done.stdout)
        return answer


def type_everything(pair: RunningPair) -> Typist:
    """Types the whole story of a bank, an NGO, and a hotel group that comes and goes."""
    secrets = pair.root / "secrets"
    passphrase = str(secrets / "passphrase")
    typist = Typist(
        pair.root,
        {
            "TACITA_HOME": str(pair.root / "home"),
            "TACITA_NODE_PASSPHRASE_FILE": passphrase,
            "TACITA_BROKER_PASSPHRASE_FILE": passphrase,
        },
    )
    bank, ngo = pair.members
    _profiles(typist, bank, ngo)
    _data(typist)
    _agreements(typist, bank, ngo)
    _matches(typist)
    _audit(typist, pair)
    _hotel_comes_and_goes(typist, pair)
    return typist


def _profiles(typed: Typist, bank: Member, ngo: Member) -> None:
    for member in (bank, ngo):
        typed("tacita", "profile add", member.partner, "--node", member.url, "--token-file", member.token_file)
    typed("tacita", "profile add", "old", "--node", bank.url, "--token-file", bank.token_file)
    typed("tacita", "profile remove", "old")
    typed("tacita", "profile use", "bank")
    assert typed("tacita", "profile list")["current"] == "bank"
    assert typed("tacita", "node status")["partner"] == "bank"
    until(lambda: _well(typed("tacita", "doctor", code=None)))


def _well(examined: dict[str, Any]) -> bool:
    """Whether a doctor found nothing. How much room there is on the disk of whoever runs this is no matter."""
    return {one["status"] for one in examined["findings"] if one["check"] != "disk"} == {"ok"}


def _data(typed: Typist) -> None:
    for profile, dataset, values in (("bank", BANK_BOOK, accounts(40)), ("ngo", NGO_LIST, accounts(40, start=37))):
        file = typed.root / f"{dataset}.csv"
        file.write_text("value\nnonsense\n" + "".join(f"{value}\n" for value in values), encoding="utf-8")
        of = ("--profile", profile)
        report = typed("tacita", "data import", file, "--dataset", dataset, "--kind", "account", *of)
        assert (report["accepted"], report["rejected"]) == (40, 1)
        source = ("--dataset", dataset, "--source", report["source"])
        assert [reject["line"] for reject in typed("tacita", "data rejects", *source, *of)] == [2]
        assert typed("tacita", "data provenance", f"{report['source']}:3", *of)["dataset"] == dataset
        publish = ("--dataset", dataset, "--sensitivity", "financial", "--visible-to", "bank", "--visible-to", "ngo")
        assert typed("tacita", "data publish", *publish, *of)["epoch"] == 1
        typed("tacita", "data withdraw", dataset, "--yes", *of)
        assert typed("tacita", "data publish", *publish, *of)["epoch"] == 2
    assert [one["published"] for one in typed("tacita", "data list")] == [True]
    assert [one["dataset"] for one in typed("tacita", "data catalogue")] == [NGO_LIST]


def _agreements(typed: Typist, bank: Member, ngo: Member) -> None:
    of = ("--profile", "ngo")
    typed("tacita", "agreements confirm", "ngo", ngo.fingerprint)
    typed("tacita", "agreements confirm", "bank", bank.fingerprint, *of)
    typed("tacita", "agreements distrust", "bank", *of)
    typed("tacita", "agreements confirm", "bank", bank.fingerprint, *of)
    assert {one["standing"] for one in typed("tacita", "agreements partners")} == {"confirmed"}
    draft = typed.root / "agreement.json"
    terms = {
        "owner": "ngo",
        "dataset": NGO_LIST,
        "kind": "account",
        "purposes": ["payment-screening"],
        "legal_bases": ["gdpr-6-1-f"],
    }
    people = {"approved_by": ["data-owner-17"], "their_approvers": ["director-1"]}
    draft.write_text(json.dumps({"with": "ngo", "terms": [terms], **people}), encoding="utf-8")
    revoked = typed("tacita", "agreements propose", draft)["agreement"]
    assert typed("tacita", "agreements revoke", revoked, "--yes")["agreement"]["state"] == "revoked"
    agreement = typed("tacita", "agreements propose", draft)["agreement"]
    until(lambda: agreement in {one["agreement"] for one in typed("tacita", "agreements list", *of)})
    assert typed("tacita", "agreements sign", agreement, *of)["state"] == "signed"
    until(lambda: bool(typed("tacita", "agreements show", agreement)["state"] == "signed"))


def _matches(typed: Typist) -> None:
    match = typed("tacita", "match run", *ORDER)
    assert (match["state"], match["hits"]) == ("closed", SHARED)
    assert typed("tacita", "match wait", match["match"])["state"] == "closed"
    assert typed("tacita", "match show", match["match"])["hits"] == SHARED
    assert len(typed("tacita", "match hits", match["match"])["hits"]) == SHARED
    assert [one["match"] for one in typed("tacita", "match list", "--limit", "1")] == [match["match"]]
    denied = typed("tacita", "match run", *ORDER, "--purpose", "agency-check", code=1)
    assert denied["state"] == "denied"


def _audit(typed: Typist, pair: RunningPair) -> None:
    matches = [record["match"] for record in typed("tacita", "audit list")]
    until(lambda: all(_closed(typed, match) for match in matches))
    export = typed.root / "audit.json"
    assert typed("tacita", "audit export", export)["matches"] == len(matches) == 2
    log = ("--log", pair.federation.log_directory, "--trust", pair.federation.trust_file)
    assert typed("tacita", "audit verify", export, *log)["verified"] is True


def _closed(typed: Typist, match: str) -> bool:
    record = typed("tacita", "audit show", match)["record"]
    return record["closing"] is not None and record["ended"] is not None


def _hotel_comes_and_goes(typed: Typist, pair: RunningPair) -> None:
    broker, hotel, federation = pair.root / "broker", pair.root / "hotel", pair.federation
    typed("tacita-broker", "init", pair.root / "another", "--name", "Another federation")
    log_vkey = typed("tacita-broker", "info", broker)["log_vkey"]
    witness = ("--name", "west", "--broker", federation.broker_url, "--log-vkey", log_vkey)
    assert typed("tacita", "witness init", pair.root / "west", *witness)["name"] == "west"
    code = typed("tacita-broker", "invite", broker, "--kind", "hotel")["code"]
    about = ("--name", "Hotel", "--kind", "hotel", "--jurisdiction", "GB")
    made = typed("tacita-node", "init", hotel, "--broker", federation.broker_url, "--invite", code, *about)
    typed("tacita-broker", "approve", broker, "hotel", "--fingerprint", made["fingerprint"])
    assert [row["status"] for row in typed("tacita-broker", "partners", broker)].count("approved") == 3
    typed("tacita-broker", "trust", broker, federation.trust_file)
    typed("tacita-node", "trust", hotel, federation.trust_file)
    token = typed("tacita-node", "token", hotel, "--role", "auditor")["id"]
    assert [one["id"] for one in typed("tacita-node", "tokens", hotel)["tokens"]] == [token]
    typed("tacita-node", "revoke-token", hotel, token)
    until(lambda: _well(typed("tacita-node", "doctor", hotel, code=None)))
    assert typed("tacita-node", "rotate", hotel)["fingerprint"] != made["fingerprint"]
    typed("tacita-broker", "revoke", broker, "hotel", "--reason", "left")
    assert typed("tacita-broker", "log check", broker)


def running_match(pair: RunningPair) -> str:
    """A match that the bank has ordered and the NGO, which is held, does not answer."""
    order = {"purpose": "payment-screening", "basis": "gdpr-6-1-f", "case": "AB-2026-117"}
    match = pair.bank.match(dataset=BANK_BOOK, with_=f"ngo/{NGO_LIST}", **order)
    assert match.summary().state not in FINAL_STATES
    return match.id
