"""The regulator at its desk: the trust file, a copy of the log, and what the partners handed over. No network.

It checks the real log and then two forgeries of it, with the command that anybody can type.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.cast import Cast
from deploy.demo.federation import Federation
from deploy.demo.tamper import changed_in_place, read_entries, rewritten_without
from tacita_broker.directory import BrokerDirectory, read_passphrase
from tacita_protocol.tlog.proof import LogProof
from tacita_sdk.verify import load_export

VERIFICATION_FAILED = 4
"""Exit code of `tacita audit verify`."""


@dataclass(frozen=True)
class Inspection:
    """What the regulator holds, all of it files below one folder."""

    federation: Federation
    desk: Path

    @property
    def log(self) -> Path:
        """Its copy of the log."""
        return self.desk / "log"

    @property
    def trust_file(self) -> Path:
        """The trust file that it received when the federation was founded."""
        return self.desk / "trust.policy"

    @property
    def log_size(self) -> int:
        """The number of entries that the copy has."""
        return len(read_entries(self.log))

    def receive(self, cast: Cast) -> None:
        """Take copies: the trust file, what each partner exports for auditors, and the log as it is now."""
        self.desk.mkdir()
        shutil.copy(self.federation.trust_file, self.trust_file)
        for party in cast.parties:
            self.federation.tacita("audit", "export", str(self._export(party.member.partner)), member=party.member)
        shutil.copytree(self.federation.log_directory, self.log)

    def command(self, log: Path) -> list[str]:
        """What the regulator types."""
        exports = [str(file) for file in sorted(self.desk.glob("*-audit.json"))]
        return ["audit", "verify", *exports, "--log", str(log), "--trust", str(self.trust_file)]

    def verify(self) -> list[dict[str, str]]:
        """The steps that the real log passed, with what each proved."""
        report = json.loads(self.federation.tacita(*self.command(self.log), "--json"))
        if report["verified"] is not True:
            raise SystemExit("The audit answered something else than that it verified.")
        steps: list[dict[str, str]] = report["steps"]
        return steps

    def opening_of(self, match: str, partner: str) -> int:
        """Where in the log the opening entry of a match stands, by the export of a partner."""
        exported = load_export(self._export(partner))
        (decision,) = (one.decision for one in exported.matches if one.match == match and one.decision is not None)
        return LogProof.parse(decision.logged.proof).index

    def catch_changed(self, index: int) -> str | None:
        """Have an entry changed in a copy of the log; what the check says, None if it does not fail."""
        forged = self.desk / "log-changed"
        changed_in_place(self.log, forged, index)
        return self._caught(forged)

    def catch_rewritten(self, index: int) -> str | None:
        """Have the broker write its log anew without an entry; what the check says, None if it does not fail."""
        passphrase = read_passphrase(self.federation.passphrase_file)
        key = BrokerDirectory(self.federation.root / "broker").keys(passphrase).log
        forged = self.desk / "log-rewritten"
        rewritten_without(self.log, forged, index, key)
        return self._caught(forged)

    def _caught(self, forged: Path) -> str | None:
        done = self.federation.attempt(*self.command(forged))
        return done.stderr.strip() if done.returncode == VERIFICATION_FAILED else None

    def _export(self, partner: str) -> Path:
        return self.desk / f"{partner}-audit.json"
