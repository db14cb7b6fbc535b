"""Ctrl-C in the demo's middle."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_ctrl_c_ends_the_demo_with_a_sentence(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "deploy.demo.run"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        while "making their keys" not in demo.stdout.readline():
            assert demo.poll() is None
        demo.send_signal(signal.SIGINT)
        _, said = demo.communicate(timeout=120)
    assert demo.returncode == 130
    assert said.endswith("\nStopped, and nothing of the demo runs any more.\n")
    assert "KeyboardInterrupt" not in said
