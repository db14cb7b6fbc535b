"""The federation's trust file on this node: who runs the log, and which witnesses make a quorum.

It is installed by a person who compared it out of band. A file for another log than the pinned broker's is refused, on
installing and again on every reading.
"""

from pathlib import Path

from tacita_node.identity import PinnedBroker, write_private
from tacita_protocol.errors import ProtocolError
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.tlog.trust import NO_QUORUM, TrustPolicy

MAX_TRUST_BYTES = 64 * 1024


class TrustRefused(Exception):
    """The file is not a trust policy that this node may follow."""


class InstalledTrust:
    """Reads the installed trust file when it changed; a newly installed one counts without a restart."""

    def __init__(self, path: Path, *, log_vkey: str) -> None:
        self._path = path
        self._log_vkey = log_vkey
        self._stamp: tuple[int, int, int] | None = None
        self._policy: TrustPolicy | None = None

    def current(self) -> TrustPolicy | None:
        """The policy, None before one is installed. Raises `TrustRefused` when the file was spoilt since."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._stamp = self._policy = None
            return None
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if stamp != self._stamp:
            self._policy = read_trust(self._path.read_bytes(), log_vkey=self._log_vkey)
            self._stamp = stamp
        return self._policy


def read_trust(data: bytes, *, log_vkey: str) -> TrustPolicy:
    """Parses a trust file and checks that it is about the pinned broker's log. Raises `TrustRefused`."""
    if len(data) > MAX_TRUST_BYTES:
        raise TrustRefused(f"a trust file has at most {MAX_TRUST_BYTES} bytes")
    try:
        policy = TrustPolicy.parse(data.decode("utf-8"))
    except (ProtocolError, UnicodeDecodeError) as error:
        raise TrustRefused("this is not a trust policy (tlog-policy format)") from error
    if policy.log.vkey != log_vkey:
        raise TrustRefused("its log key is not the one of the broker that this node enrolled with")
    if policy.quorum == NO_QUORUM:
        raise TrustRefused("it asks for no witness at all, so it would prove nothing")
    if not policy.quorums_overlap:
        raise TrustRefused("two of its quorums have no witness in common, so a forked log would verify on both sides")
    return policy


def install_trust(path: Path, data: bytes, *, broker: PinnedBroker, own: PartnerCard) -> TrustPolicy:
    """Checks and installs a trust file. Raises `TrustRefused`, and then changes nothing.

    A file that lists this partner as a witness must list its own key: a witness of its name that it is not would not
    be left out when the parties of a match do not count.
    """
    policy = read_trust(data, log_vkey=broker.log_vkey)
    listed = policy.witnesses.get(own.partner)
    if listed is not None and listed.key.text != own.witness_key:
        raise TrustRefused("it lists a witness of this partner's name with a key that is not this partner's")
    write_private(path, data)
    return policy
