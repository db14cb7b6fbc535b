"""The whole path of a bulk match, two nodes and a broker as real processes, beside the engine alone."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from bench.ecdh import WORKERS, match_locally
from bench.report import Figure, progress
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.token import tokenise
from tacita_sdk.node_api import AgreementDraft, TermDraft
from tests.support.federation import RunningPair, running_pair
from tests.support.identifiers import phones

SHARED = 1_000
WAIT_SECONDS = 600.0
ROUNDS = 3
"""The path and the engine alone take turns; the ratio is the median of the pairs, because a machine's speed drifts."""


def path_ecdh_2_16() -> Iterator[Figure]:
    """2^16 phones against 2^16 from order to released hits: policy, log, witnesses, relay and receipts included."""
    n = 2**16
    asked, held = phones(n), phones(n, start=n - SHARED)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_pair(Path(folder) / "federation") as pair,
        ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool,
    ):
        progress(f"  importing {n} phones on each side ...")
        pair.load(pair.bank, "phones", "phone", asked)
        pair.load(pair.ngo, "phones", "phone", held)
        pair.agree(standing(pair, units=ROUNDS * n))
        tokens = [tokenise(Kind.PHONE, numbers) for numbers in (asked, held)]
        match_locally(tokens[0][:64], tokens[1][:64], pool)  # starts the workers, which is no part of a match
        whole, alone = [], []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            match = pair.bank.match(
                dataset="phones",
                with_=f"{pair.ngo_id}/phones",
                purpose="payment-screening",
                basis="gdpr-6-1-f",
                case="bench",
            )
            hits = match.wait(timeout=WAIT_SECONDS).hits
            whole.append(time.perf_counter() - start)
            start = time.perf_counter()
            rows = match_locally(tokens[0], tokens[1], pool)
            alone.append(time.perf_counter() - start)
            if not len(hits) == len(rows) == SHARED:
                raise RuntimeError("the match is wrong")
            progress(f"  whole path: {whole[-1]:.2f} s; engine alone: {alone[-1]:.2f} s")
    ratio = median(path / engine for path, engine in zip(whole, alone, strict=True))
    yield Figure("path.ecdh.2^16", n, round(median(whole), 3), "s", "ecdh engine alone", round(ratio, 3))


def standing(pair: RunningPair, *, units: int, datasets: Sequence[str] = ("phones",)) -> AgreementDraft:
    """A bank's standing agreement about datasets of phones: what it screens is more than any other class allows."""
    terms = tuple(
        TermDraft(
            owner=pair.ngo_id,
            dataset=dataset,
            kind="phone",
            purposes=("payment-screening",),
            legal_bases=("gdpr-6-1-f",),
        )
        for dataset in datasets
    )
    return AgreementDraft(
        with_=pair.ngo_id,
        class_="standing",
        terms=terms,
        units=units,
        per_minute=units,
        approved_by=("data-owner", "compliance"),
        their_approvers=("director", "data-protection"),
    )
