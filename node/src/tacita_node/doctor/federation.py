"""What a node needs of others: the broker, the same time, its approval, the trust file, and witnesses that cosign."""

import asyncio

from tacita_node.clock import Clock
from tacita_node.services import NodeServices
from tacita_node.trust import TrustRefused
from tacita_protocol.crypto.httpsig import MAX_CLOCK_SKEW
from tacita_protocol.errors import ProofInvalid, ProtocolError
from tacita_protocol.tlog.tiles import CHECKPOINT_PATH
from tacita_protocol.tlog.trust import TrustPolicy
from tacita_sdk.broker import BrokerClient
from tacita_sdk.errors import BrokerProblem, BrokerUnreachable, CertificateRefused, ResponseUntrusted, SdkError
from tacita_sdk.node_api import Finding

SKEW_WARNING_SECONDS = 10
COSIGNING_LOOKS = 4
COSIGNING_PAUSE_SECONDS = 1.0
"""A log publishes a checkpoint first and collects its cosignatures then: how often to look, and how long between."""

_BROKER_FIRST = "not looked at, because the broker does not answer"
_CARD_MISSING = "The broker does not list this node's card: it is not approved yet, was revoked, or has another card."


async def examine_federation(services: NodeServices) -> list[Finding]:
    """All of these. A broker that does not answer is asked once, not once for each."""
    url = services.identity.broker.url
    findings = await broker_and_clock(services.broker, url=url, clock=services.clock)
    reached = findings[0].status == "ok"
    return [*findings, await _approval(services, reached=reached), *await _trusted(services, reached=reached)]


async def broker_and_clock(broker: BrokerClient, *, url: str, clock: Clock) -> list[Finding]:
    """Whether the broker answers, and how far its clock is from this one."""
    try:
        theirs = await broker.time()
    except CertificateRefused:
        fix = "Set `broker_ca` in config.toml to who signed it, or see what is between this machine and the broker."
        found = f"No trusted authority vouches for the certificate at {url}."
        return [
            Finding(check="broker", status="failed", found=found, fix=fix),
            Finding(check="clock", status="skipped", found=_BROKER_FIRST),
        ]
    except BrokerUnreachable:
        fix = f"See whether this machine reaches {url} (name, outgoing connections), and ask its operator if it runs."
        return [
            Finding(check="broker", status="failed", found=f"The broker does not answer at {url}.", fix=fix),
            Finding(check="clock", status="skipped", found=_BROKER_FIRST),
        ]
    except (BrokerProblem, ResponseUntrusted):
        fix = "See what is between this machine and the broker: a proxy or a portal may answer in its stead."
        return [
            Finding(check="broker", status="failed", found=f"What answers at {url} is no broker.", fix=fix),
            Finding(check="clock", status="skipped", found=_BROKER_FIRST),
        ]
    answers = Finding(check="broker", status="ok", found=f"It answers at {url}.")
    return [answers, _clock(None if theirs is None else theirs - clock())]


async def _approval(services: NodeServices, *, reached: bool) -> Finding:
    """Whether the broker lists this node's card."""
    if not reached:
        return Finding(check="approval", status="skipped", found=_BROKER_FIRST)
    try:
        listed = await services.broker.partners()
    except SdkError:
        found = "The broker takes nothing from this node's key, or its answer is not signed by the pinned key."
        fix = "See the clock first; then read the fingerprint of `tacita node status` to the broker's operator."
        return Finding(check="approval", status="failed", found=found, fix=fix)
    if any(view.card == services.identity.card.envelope for view in listed.partners):
        return Finding(check="approval", status="ok", found="The broker lists this node's card.")
    fix = "Read the fingerprint of `tacita node status` to the broker's operator, who runs `tacita-broker approve`."
    return Finding(check="approval", status="failed", found=_CARD_MISSING, fix=fix)


async def _trusted(services: NodeServices, *, reached: bool) -> list[Finding]:
    """Whether the trust file is there, is the broker's, and its quorum cosigned the newest state of the log."""
    try:
        policy = services.trust
    except TrustRefused as refused:
        found = f"The installed trust file is refused: {refused}."
        fix = "Get the federation's file again, compare its SHA-256, and run `tacita-node trust DIR FILE`."
        return [
            Finding(check="trust", status="failed", found=found, fix=fix),
            Finding(check="witnesses", status="skipped", found="not looked at without a trust file"),
        ]
    if policy is None:
        fix = "Get the federation's file, compare its SHA-256, and run `tacita-node trust DIR FILE`."
        return [
            Finding(check="trust", status="failed", found="No trust file is installed.", fix=fix),
            Finding(check="witnesses", status="skipped", found="not looked at without a trust file"),
        ]
    if reached:
        try:
            return [await _trust(services, policy), await _witnesses(services, policy)]
        except SdkError:  # it has just answered, and now it does not: that is said below
            pass
    return [
        Finding(check="trust", status="ok", found=f"Installed: SHA-256 {policy.digest}."),
        Finding(check="witnesses", status="skipped", found=_BROKER_FIRST),
    ]


def _clock(ahead: int | None) -> Finding:
    """`ahead`: by how many seconds the broker's clock is ahead of this one; None when it did not say."""
    if ahead is None:
        return Finding(check="clock", status="skipped", found="The broker did not say what time it is there.")
    found = f"The broker's clock is {abs(ahead)} s {'ahead of' if ahead > 0 else 'behind'} this one."
    fix = f"Set this machine's clock by NTP: what is more than {MAX_CLOCK_SKEW} s off is refused."
    if abs(ahead) > MAX_CLOCK_SKEW:
        return Finding(check="clock", status="failed", found=found, fix=fix)
    if abs(ahead) > SKEW_WARNING_SECONDS:
        return Finding(check="clock", status="warning", found=found, fix=fix)
    return Finding(check="clock", status="ok", found=found)


async def _trust(services: NodeServices, policy: TrustPolicy) -> Finding:
    offered = await services.broker.trust()
    if offered is None:
        fix = "Ask the broker's operator to issue it with `tacita-broker trust`: before that, no match is served."
        return Finding(check="trust", status="failed", found="The broker has issued no trust file yet.", fix=fix)
    try:
        same = TrustPolicy.parse(offered).digest == policy.digest
    except ProtocolError:
        same = False
    if same:
        return Finding(check="trust", status="ok", found=f"Installed, as the broker's: SHA-256 {policy.digest}.")
    fix = "Ask the operator, over another channel, which one counts; install it with `tacita-node trust DIR FILE`."
    return Finding(check="trust", status="warning", found="The broker's trust file is another one.", fix=fix)


async def _witnesses(services: NodeServices, policy: TrustPolicy) -> Finding:
    for look in range(COSIGNING_LOOKS):
        if look:
            await asyncio.sleep(COSIGNING_PAUSE_SECONDS)
        note = await services.broker.log_object(CHECKPOINT_PATH)
        try:
            head = policy.check(note)
        except ProofInvalid:
            continue
        except ProtocolError:
            break
        age = max(services.clock() - head.latest_cosign_time, 0)
        found = f"{len(head.cosigned_by)} of {len(policy.witnesses)} cosigned the log's newest state {age} s ago."
        return Finding(check="witnesses", status="ok", found=found)
    found = "The log's newest state is not cosigned by a quorum of the witnesses in the trust file."
    fix = "Ask those who run the witnesses whether they run, and compare the trust file with the broker's operator."
    return Finding(check="witnesses", status="failed", found=found, fix=fix)
