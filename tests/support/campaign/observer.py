"""Somebody who looks at what is public or remembered about the log, all the time, and keeps every checkpoint."""

import contextlib
import json
import threading
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tacita_protocol.api import WitnessNext, parse_body
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.note import split_note
from tests.support.campaign.parties import BANK, NGO, WITNESSES

LOOK_SECONDS = 0.3


@dataclass
class Observer:
    """Looks at a broker and at the witnesses' memories under `root`.

    `notes` by the text that the log signed; `remembered` are the checkpoints that witnesses have kept.
    """

    broker_url: str
    root: Path
    notes: dict[str, bytes] = field(default_factory=dict)
    remembered: set[Checkpoint] = field(default_factory=set)
    shrunk: int = 0
    """How often the published log was smaller than before."""
    _size: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self, threads: Executor) -> Future[None]:
        """Begin to look; the future ends after `stop`."""
        return threads.submit(self._look)

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def keep(self, note: bytes) -> Checkpoint:
        """Keep a checkpoint that was seen."""
        text, _ = split_note(note)
        self.notes.setdefault(text, note)
        return Checkpoint.parse(text)

    def read_memories(self) -> None:
        """Keep what every witness remembers, the two nodes among them."""
        for directory in (
            *(self.root / name for name in WITNESSES),
            *(self.root / name / "witness" for name in (BANK, NGO)),
        ):
            state = json.loads((directory / "witness-state.json").read_bytes())["checkpoint"]
            if state is not None:
                self.remembered.add(Checkpoint.parse(state))

    def _look(self) -> None:
        with httpx2.Client(base_url=self.broker_url, timeout=10) as client:
            while not self._stop.wait(LOOK_SECONDS):
                with contextlib.suppress(httpx2.TransportError):
                    self._look_once(client)
                self.read_memories()

    def _look_once(self, client: httpx2.Client) -> None:
        answer = client.get("/log/checkpoint")
        if answer.status_code == 200:
            size = self.keep(answer.content).size
            self.shrunk += size < self._size
            self._size = size
        asked = client.get("/v1/witness/next", params={"old": 0})
        if asked.status_code == 200:
            self.keep(parse_body(WitnessNext, asked.content).checkpoint.encode())
