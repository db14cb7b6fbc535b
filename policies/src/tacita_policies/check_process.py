"""Checking the sources of a bundle in a process that ends: a service then neither loads the engine nor keeps the room
that syntax trees took (together about 14 MB), and its keys are elsewhere while foreign text is parsed.

    in     {"parent": pid, "policies": {path: text}}
    out    {"packages": {path: package}}  or  {"refused": text}
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping

from tacita_policies.confinement import confine
from tacita_policies.source import PolicyRefused, check_sources

CHECK_SECONDS = 30.0
"""Longest wait for the answer (on a busy machine)."""

_NO_ANSWER = "the policies could not be checked: the process that reads them did not answer"

ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")  # and nothing that could hold a secret


def check_apart(policies: Mapping[str, str]) -> dict[str, str]:
    """`check_sources` in a process of its own.

    Raises:
        PolicyRefused: as there; or the process gave no answer.
    """
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter and this module
            [sys.executable, "-P", "-m", __name__],
            input=json.dumps({"parent": os.getpid(), "policies": dict(policies)}).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            timeout=CHECK_SECONDS,
            check=True,
        )
        match json.loads(done.stdout):
            case {"packages": dict(packages)}:
                return packages
            case {"refused": str(sentence)}:
                raise PolicyRefused(sentence)
            case _:
                raise PolicyRefused(_NO_ANSWER)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise PolicyRefused(_NO_ANSWER) from error


def main() -> None:
    """Check what stands on standard input."""
    order = json.load(sys.stdin.buffer)
    confine(order["parent"])
    try:
        answer = {"packages": check_sources(order["policies"])}
    except PolicyRefused as error:
        json.dump({"refused": str(error)}, sys.stdout)
    else:
        json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
