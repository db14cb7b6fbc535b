"""The trust policy of a federation: one log, its witnesses, the quorum (https://c2sp.org/tlog-policy).

```
log <vkey> [url]
witness <name> <vkey> [url]
group <name> all|any|<k> <member>...
quorum <name>|none
```

Stricter than the format where a federation needs no more: exactly one log, and `quorum none` opens no checkpoint.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, Self

from tacita_protocol.crypto.digest import Digest, digest_of
from tacita_protocol.errors import LimitExceeded, MalformedMessage, ProofInvalid
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.note import KIND_COSIGNATURE, KIND_LOG, NoteVerifier, decode_decimal, open_note

MAX_POLICY_CHARACTERS: Final = 64 * 1024
MAX_WITNESSES: Final = 32
MAX_GROUPS: Final = 32
NO_QUORUM: Final = "none"


@dataclass(frozen=True)
class VerifiedCheckpoint:
    """A checkpoint that the log signed and a quorum of witnesses cosigned.

    `cosigned_by` holds the policy's witness names, the excluded ones left out; `latest_cosign_time` is unix seconds.
    """

    checkpoint: Checkpoint
    note: bytes
    cosigned_by: frozenset[str]
    latest_cosign_time: int


@dataclass(frozen=True)
class Group:
    """Counts as one that cosigned when at least `threshold` of its members did."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class TrustPolicy:
    """A parsed trust file. `quorum` names a witness, a group, or is "none"."""

    text: str
    log: NoteVerifier
    witnesses: Mapping[str, NoteVerifier]
    groups: Mapping[str, Group]
    quorum: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """From the file's text. Raises MalformedMessage with the line number, or LimitExceeded."""
        if len(text) > MAX_POLICY_CHARACTERS:
            raise LimitExceeded("trust policy: too long")
        if not text.endswith("\n") or any(c not in "\t\n" and not c.isprintable() for c in text):
            raise MalformedMessage("expected lines of text, each ended by a newline", field="trust")
        reader = _PolicyReader()
        for number, line in enumerate(text.split("\n"), start=1):
            # Space and tab only: other Unicode spaces belong to names.
            items = [item for item in line.replace("\t", " ").split(" ") if item]
            if items and not items[0].startswith("#"):
                try:
                    reader.read(items)
                except MalformedMessage as error:
                    raise MalformedMessage(f"line {number}: {error}", field="trust") from error
        if reader.log is None or reader.quorum is None:
            raise MalformedMessage("expected one log line and one quorum line", field="trust")
        return cls(text, reader.log, reader.witnesses, reader.groups, reader.quorum)

    @property
    def digest(self) -> Digest:
        """SHA-256 of the file."""
        return digest_of(self.text.encode())

    @property
    def origin(self) -> str:
        """The log's origin, which is its key's name."""
        return self.log.name

    @property
    def quorums_overlap(self) -> bool:
        """Whether any two quorums have a witness in common.

        If not, two halves of honest witnesses can each see a log of their own, and both logs verify.
        """
        return self.quorum != NO_QUORUM and not self._splits(self.quorum)

    def check(self, note: bytes, *, excluded: frozenset[str] = frozenset()) -> VerifiedCheckpoint:
        """Verify a checkpoint: the log's signature and a quorum in which the witnesses `excluded` do not count.

        `excluded` holds names, as this file or the witness's key has them.
        Raises MalformedMessage for a broken note, SignatureInvalid for a bad signature of a known key, and ProofInvalid
        when the log did not sign, the origin is another log's, or the quorum is missed.
        """
        if self.quorum == NO_QUORUM:
            raise ProofInvalid("trust: the policy demands no witness, so it proves nothing")
        opened = open_note(note, [self.log, *self.witnesses.values()])
        checkpoint = self._checkpoint_of_log(opened.text, {signature.verifier for signature in opened.verified})
        times = {signature.verifier: signature.timestamp for signature in opened.verified}
        counted = {
            name: times[witness] or 0
            for name, witness in self.witnesses.items()
            # The file may give a witness another name than its key has; neither may hide a party.
            if witness in times and excluded.isdisjoint((name, witness.name))
        }
        if not self._satisfied(self.quorum, counted.keys()):
            raise ProofInvalid("trust: too few independent witnesses cosigned this checkpoint")
        return VerifiedCheckpoint(checkpoint, note, frozenset(counted), max(counted.values()))

    def check_log_signature(self, note: bytes) -> Checkpoint:
        """Verify the log's signature only: what a witness does before it cosigns. Raises as `check` does."""
        opened = open_note(note, [self.log])
        return self._checkpoint_of_log(opened.text, {signature.verifier for signature in opened.verified})

    def _checkpoint_of_log(self, text: str, signers: set[NoteVerifier]) -> Checkpoint:
        if self.log not in signers:
            raise ProofInvalid("trust: the log did not sign this checkpoint")
        checkpoint = Checkpoint.parse(text)
        if checkpoint.origin != self.origin:
            raise ProofInvalid("trust: the checkpoint belongs to another log")
        return checkpoint

    def _satisfied(self, name: str, cosigned: AbstractSet[str]) -> bool:
        if (group := self.groups.get(name)) is None:
            return name in cosigned
        return sum(self._satisfied(member, cosigned) for member in group.members) >= group.threshold

    def _splits(self, name: str) -> bool:
        """Whether two sets of witnesses without a common one both satisfy this name. (No witness is in two groups.)"""
        if (group := self.groups.get(name)) is None:
            return False
        # A member counts for one of the two sets, or for both if it splits itself.
        return 2 * group.threshold <= len(group.members) + sum(map(self._splits, group.members))


class _PolicyReader:
    """Reads the lines in order: a name must be defined before it is used, which rules out circles."""

    def __init__(self) -> None:
        self.log: NoteVerifier | None = None
        self.witnesses: dict[str, NoteVerifier] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._members: set[str] = set()

    def read(self, items: list[str]) -> None:
        match items:
            case ["log", vkey] | ["log", vkey, _]:
                self._log(vkey)
            case ["witness", name, vkey] | ["witness", name, vkey, _]:
                self._witness(name, vkey)
            case ["group", name, threshold, *members] if members:
                self._group(name, threshold, members)
            case ["quorum", name]:
                self._quorum(name)
            case _:
                raise MalformedMessage("expected log, witness, group or quorum with its items")

    def _log(self, vkey: str) -> None:
        if self.log is not None:
            raise MalformedMessage("a second log; a federation has one")
        verifier = NoteVerifier.from_vkey(vkey)
        if verifier.kind != KIND_LOG:
            raise MalformedMessage("the log's key has another signature type")
        if any(witness.key == verifier.key for witness in self.witnesses.values()):
            raise MalformedMessage("the log cannot witness itself")
        self.log = verifier

    def _witness(self, name: str, vkey: str) -> None:
        self._define(name)
        verifier = NoteVerifier.from_vkey(vkey)
        if verifier.kind != KIND_COSIGNATURE:
            raise MalformedMessage("the witness's key has another signature type")
        if self.log is not None and self.log.key == verifier.key:
            raise MalformedMessage("the log cannot witness itself")
        # One key under two names would count twice, because a cosignature does not bind the name.
        if any(other.key == verifier.key for other in self.witnesses.values()):
            raise MalformedMessage("two witnesses with one key")
        if len(self.witnesses) == MAX_WITNESSES:
            raise MalformedMessage("too many witnesses")
        self.witnesses[name] = verifier

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        self._define(name)
        if len(self.groups) == MAX_GROUPS:
            raise MalformedMessage("too many groups")
        for member in members:
            if not self._is_defined(member):
                raise MalformedMessage("a group member is not defined above")
            if member in self._members:
                raise MalformedMessage("a member is listed twice")
            self._members.add(member)
        words = {"any": 1, "all": len(members)}
        count = words[threshold] if threshold in words else decode_decimal(threshold, maximum=MAX_WITNESSES, field="k")
        if not 1 <= count <= len(members):
            raise MalformedMessage("a group's threshold lies between 1 and its number of members")
        self.groups[name] = Group(count, tuple(members))

    def _quorum(self, name: str) -> None:
        if self.quorum is not None:
            raise MalformedMessage("a second quorum")
        if name != NO_QUORUM and not self._is_defined(name):
            raise MalformedMessage("the quorum is not defined above")
        self.quorum = name

    def _define(self, name: str) -> None:
        if name == NO_QUORUM or self._is_defined(name):
            raise MalformedMessage("a name is defined twice or reserved")

    def _is_defined(self, name: str) -> bool:
        return name in self.witnesses or name in self.groups


def federation_policy(
    log: NoteVerifier,
    witnesses: Mapping[str, NoteVerifier],
    *,
    threshold: int,
    counting: Iterable[str] | None = None,
) -> TrustPolicy:
    """The trust policy of a federation in which any `threshold` of the `counting` witnesses (all) make a quorum."""
    names = sorted(witnesses)
    lines = [
        f"log {log.vkey}",
        *(f"witness {name} {witnesses[name].vkey}" for name in names),
        f"group witnesses {threshold} {' '.join(names if counting is None else sorted(counting))}",
        "quorum witnesses",
    ]
    return TrustPolicy.parse("".join(f"{line}\n" for line in lines))
