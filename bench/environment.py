"""The environment of the peers and of the plots, installed on first use from a lock of its own."""

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.report import progress

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".bench" / "peers"
LOCK = ROOT / "bench" / "peers" / "requirements.lock"


@dataclass(frozen=True)
class PeerRun:
    """What a peer printed: wall and processor seconds of its work, and how many results it found."""

    seconds: float
    cpu_seconds: float
    count: int


def interpreter(folder: Path = FOLDER, lock: Path = LOCK) -> Path:
    """The environment's Python; it is installed anew when it is missing or when the lock has changed.

    Raises:
        CalledProcessError: the environment could not be installed.
    """
    stamp, python = folder / "installed", folder / "bin" / "python"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="ascii") != digest:
        progress("  installing the peers' environment ...")
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, stdout=sys.stderr)
        pip: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
        ]
        subprocess.run([*pip, "-r", lock], check=True, stdout=sys.stderr)
        stamp.write_text(digest, encoding="ascii")
    return python


def run_peer(name: str, *files: Path) -> PeerRun:
    """Run a module of `bench.peers` as a process of its own on these files.

    Raises:
        CalledProcessError: it failed.
    """
    command: list[str | Path] = [interpreter(), "-m", f"bench.peers.{name}", *files]
    printed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    return PeerRun(**json.loads(printed))
