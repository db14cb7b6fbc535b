"""How long people wait for a command's help and for a broker to come up."""

import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.report import Figure, progress

COMMANDS = Path(sys.executable).parent
REPETITIONS = 5
START_LIMIT_SECONDS = 30.0
STOP_LIMIT_SECONDS = 10.0
POLL_SECONDS = 0.005


def cli_help() -> Iterator[Figure]:
    """`tacita --help`, wall time of the whole command, median after one run to warm the caches."""
    seconds = []
    for repetition in range(REPETITIONS + 1):
        start = time.perf_counter()
        subprocess.run([COMMANDS / "tacita", "--help"], check=True, stdout=subprocess.DEVNULL)
        took = time.perf_counter() - start
        progress(f"  {took:.3f} s")
        if repetition:
            seconds.append(took)
    yield Figure("cli.help", REPETITIONS, round(statistics.median(seconds), 3), "s")


def start_broker() -> Iterator[Figure]:
    """`tacita-broker run` until `/healthz` answers, median, with an initialised directory and compiled bytecode."""
    seconds = []
    with tempfile.TemporaryDirectory(prefix="tacita-bench-") as folder:
        directory, environment, port = _new_broker(Path(folder))
        for repetition in range(REPETITIONS + 1):
            took = _seconds_until_healthy(directory, environment, port)
            progress(f"  {took:.3f} s")
            if repetition:
                seconds.append(took)
    yield Figure("start.broker", REPETITIONS, round(statistics.median(seconds), 3), "s")


def _new_broker(folder: Path) -> tuple[Path, Mapping[str, str], int]:
    passphrase = folder / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(secrets.token_urlsafe(32), encoding="ascii")
    environment = {**os.environ, "TACITA_BROKER_PASSPHRASE_FILE": str(passphrase)}
    directory = folder / "broker"
    port = _free_port()
    subprocess.run(
        [COMMANDS / "tacita-broker", "init", directory, "--name", "bench", "--port", str(port)],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return directory, environment, port


def _seconds_until_healthy(directory: Path, environment: Mapping[str, str], port: int) -> float:
    start = time.perf_counter()
    with (
        (directory.parent / "broker.log").open("ab") as log,
        subprocess.Popen([COMMANDS / "tacita-broker", "run", directory], env=environment, stderr=log) as broker,
    ):
        try:
            while not _healthy(port):
                if broker.poll() is not None or time.perf_counter() - start > START_LIMIT_SECONDS:
                    tail = (directory.parent / "broker.log").read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"the broker did not come up:\n{tail}")
                time.sleep(POLL_SECONDS)
            took = time.perf_counter() - start
        finally:
            broker.terminate()
            try:
                broker.wait(STOP_LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                broker.kill()
    return took


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
