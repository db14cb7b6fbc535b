"""One target under atheris: `python -m tests.fuzz.one TARGET [libFuzzer options, corpus folders, or one input]`."""

import sys

import atheris

with atheris.instrument_imports(include=["tacita_protocol", "tacita_policies", "tacita_sdk", "tacita_node"]):
    from tests.fuzz.targets import TARGETS, run


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, lambda data: run(target, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
