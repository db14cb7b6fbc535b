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

    def _run(self, command: Sequence[str], extra: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder, "log")
            process = self.programs.start(*command, log=log, environment=self._environment(extra))
            code = self.programs.wait(process)
            said = log.read_text(encoding="utf-8")
        return subprocess.CompletedProcess(command, code, said, said)

    def _start(self, name: str, *command: str) -> None:
        log = self.root / f"{name}.log"
        process = self.programs.start(*command, log=log, environment=self._environment({}))
        self._stack.callback(self.programs.stop, process)
