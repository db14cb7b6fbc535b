"""`make demo`: a whole federation on this machine, real matches on synthetic data, and the proof verified offline.

Ends with one JSON line, and exit code 0 only when every planted overlap was found, nothing else was, what had to be
denied and refused was, both sides agreed after the power cut, the log verified and both forgeries of it did not.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from deploy.demo.cast import Cast, assembled
from deploy.demo.contracts import agree
from deploy.demo.federation import Federation
from deploy.demo.footprint import processor_seconds, weights
from deploy.demo.holdings import load
from deploy.demo.inspection import Inspection
from deploy.demo.questions import chapter, say
from deploy.demo.sample_data import SampleData, write_sample_data
from deploy.demo.shell import write_shell
from deploy.demo.story import broker_saw_nothing, in_short, inspected, tell
from deploy.demo.tally import Tally

ROOT = Path(".demo")
MARKER = ".made-by-tacita-demo"
NOTICE = "Synthetic data, one machine, one operator runs every witness."
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
    tally = Tally()
    introduce()
    _clear(ROOT)
    print("\nWriting their lists, making their keys and directories, and starting them ...", flush=True)
    # Not in a thread beside: Ctrl-C in this thread's middle of an import would leave another's import waiting for ever.
    data = write_sample_data(ROOT / "data")
    with Federation(ROOT, ENVIRONMENT) as federation, assembled(federation) as cast:
        report_start(cast)
        inspection = play(cast, data, tally)
        line = json.dumps(tally.summary())
        (ROOT / "summary.json").write_text(line + "\n", encoding="ascii")
        print(f"\nEverything is in {ROOT}/; it took {time.monotonic() - started:.0f} s. The regulator's check again:")
        print(f"  .venv/bin/tacita {' '.join(inspection.command(inspection.log))}")
        if keep:
            stay(cast)
            print(line, flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    for problem in tally.unexpected:
        print(problem, file=sys.stderr)
    if not keep:
        print(line)
    return 0 if tally.as_promised else 1


def play(cast: Cast, data: SampleData, tally: Tally) -> Inspection:
    """The whole story, from the lists to the last word; returns what the regulator holds."""
    chapter("They load their lists, each into its own process; no file leaves it.")
    load(cast, data)
    agree(cast)
    say("Bank and NGO, and hotels and NGO, signed agreements: what each may ask the other, and what for.")
    say("Some details were planted on two sides, in different spellings. Planted is told beside found.")
    denied = tell(cast, data, tally)
    inspection = Inspection(cast.federation, cast.federation.root / "inspection")
    inspected(cast, inspection, denied, tally)
    broker_saw_nothing(cast, data, tally)
    in_short(tally)
    return inspection


def introduce() -> None:
    """Who takes part."""
    print(NOTICE)
    chapter("Organisations that each hold a trace of human trafficking find out what they have in common,")
    print("without showing each other the rest. Who takes part, each as its own process:")
    say("Albion Bank     10,000 customers: telephone numbers, accounts, e-mail addresses.")
    say("Harbour Hotels  a hotel group with 300 staffing agencies, and 40 more that want to work for it.")
    say("Haven           an NGO with a victims' hotline, and lists of what victims and adverts named.")
    say("The broker      carries sealed messages between them, and writes a log of every question. It has no list.")
    say("The regulator   has no list either. It countersigns the log, and will check it at the end.")
    say("A university    countersigns the log too, so that nobody can rewrite it together with one witness.")


def report_start(cast: Cast) -> None:
    """How long the processes took, and what they weigh at rest."""
    names = {"broker": "broker", "albion-bank": "bank", "harbour-hotels": "hotels", "haven": "NGO"}
    weighed = weights(cast.federation.process_ids)
    taken = processor_seconds(cast.federation.process_ids.values())
    chapter(f"All six processes were ready {cast.ready_seconds:.1f} s after they were started.")
    say(f"That took {taken:.1f} s of processor time on {len(os.sched_getaffinity(0))} cores.")
    shown = (
        f"{names.get(name, name)} {weight.own:.0f}" + (f" (+{weight.helpers:.0f})" if weight.helpers else "")
        for name, weight in weighed.items()
    )
    say(f"Memory of each at rest, in MiB (+ its helper that decides by the rules): {', '.join(shown)}.")


def stay(cast: Cast) -> None:
    """Where everything is, for somebody who wants to go on."""
    bank, hotel, ngo = (party.member for party in cast.parties)
    print(f"\nStill running: broker {cast.federation.broker_url}")
    for name, member in (("bank", bank), ("hotels", hotel), ("NGO", ngo)):
        print(f"  {name:<7} {member.url}  token in {member.token_file}")
    shell = write_shell(cast.federation, {"bank": bank, "hotels": hotel, "ngo": ngo})
    print(f"  Try: . {shell} && tacita match list --profile ngo")
    print("  Go on with docs/walkthroughs/, a page for each of them.")
    print("Ctrl-C stops them.")


def _clear(root: Path) -> None:
    """An empty folder; one that this demo did not make is left alone."""
    if root.exists():
        if not (root / MARKER).exists():
            raise SystemExit(f"{root}/ was not made by the demo: move it away first.")
        shutil.rmtree(root)
    (root / "data").mkdir(parents=True)
    (root / MARKER).touch()


if __name__ == "__main__":
    try:
        code = main()
    except KeyboardInterrupt:
        print("\nStopped, and nothing of the demo runs any more.", file=sys.stderr)
        code = 130
    sys.exit(code)
