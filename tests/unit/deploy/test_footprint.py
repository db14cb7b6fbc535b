"""What the demo says that processes weigh."""

import subprocess
import sys

from deploy.demo.footprint import processor_seconds, weights

HOLD = "held = bytearray(b'x') * (64 << 20); print('ready', flush=True); input()"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD!r}], check=True)"


def test_a_process_weighs_what_it_holds_and_its_helpers_are_told_apart() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        weighed = weights({"parent": parent.pid})
        parent.communicate("\n")
    assert 64 < weighed["parent"].helpers < 128
    assert 1 < weighed["parent"].own < 64


def test_processor_time_of_helpers_counts_while_they_run_and_afterwards() -> None:
    spin = "import time\nwhile time.process_time() < 0.3: pass\nprint('spun', flush=True); input()"
    parent = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {spin!r}]); print('over', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stdin is not None
        assert running.stdout.readline() == "spun\n"
        assert processor_seconds([running.pid]) >= 0.25
        running.stdin.write("\n")
        running.stdin.flush()
        assert running.stdout.readline() == "over\n"
        assert processor_seconds([running.pid]) >= 0.25
        running.communicate("\n")


def test_a_process_that_has_ended_takes_nothing() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert weights({"ended": ended.pid})["ended"].own == 0
    assert processor_seconds([ended.pid]) == 0
