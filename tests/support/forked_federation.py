"""The demo's federation, with programs that are forked instead of loaded anew: the same processes, started cheaply."""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.demo.federation import Federation
from tests.support.campaign.forked_programs import ForkedPrograms


@dataclass
class ForkedFederation(Federation):
    """Each command and each service is still a process of its own."""

    programs: ForkedPrograms = field(kw_only=True)
    _running: dict[str, int] = field(default_factory=dict, init=False)

    @property
    def process_ids(self) -> dict[str, int]:
        return dict(self._running)

    def kill(self, name: str) -> None:
        self.programs.kill(self._running.pop(name))

    def _run(self, command: Sequence[str], extra: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder, "log")
            process = self.programs.start(*command, log=log, environment=self._environment(extra))
            code = self.programs.wait(process)
            said = log.read_text(encoding="utf-8")
        return subprocess.CompletedProcess(command, code, said, said)

    def _start(self, name: str, *command: str) -> None:
        log = self.root / f"{name}.log"
        self._running[name] = self.programs.start(*command, log=log, environment=self._environment({}))
        self._stack.callback(self._end, name)

    def _end(self, name: str) -> None:
        """Stop a process, unless it was killed and its successor has been stopped already."""
        if name in self._running:
            self.programs.stop(self._running.pop(name))
