"""The process in which policies are evaluated: JSON lines in, JSON lines out (the parent's side is `embedded.py`).

The engine is bound to its thread, holds the interpreter's lock while it works and knows no time limit; so it lives
here, where its parent can kill it. This module imports little, because it starts again after every kill.

    first line in    {"parent": pid, "policies": {path: text}, "data": {...}}
    first line out   {"ready": true}  or  {"ready": false, "error": text}
    then, each       {"id": n, "rules": [path], "inputs": [{...}]}
    answered by      {"id": n, "results": [[{"value": ...} | {"failure": "undefined" | "error"}]]}

There is a list of results for each input, and in it one for each rule.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import regorus

from tacita_policies.confinement import confine

_UNDEFINED = "<undefined>"  # how regorus prints the value of an undefined rule


def main() -> None:
    """Serve until the parent closes the pipe or dies."""
    first = json.loads(sys.stdin.buffer.readline())
    confine(first["parent"])
    engine = regorus.Engine()
    try:
        for path, text in first["policies"].items():
            engine.add_policy(path, text)
        engine.add_data_json(json.dumps(first["data"]))
    except RuntimeError as error:
        _answer({"ready": False, "error": str(error).partition("Stack backtrace")[0].strip()[:400]})
        return
    _answer({"ready": True})
    for line in sys.stdin.buffer:
        question = json.loads(line)
        results = [_evaluate(engine, question["rules"], facts) for facts in question["inputs"]]
        _answer({"id": question["id"], "results": results})


def _evaluate(engine: Any, rules: Sequence[str], facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    engine.set_input_json(json.dumps(facts))
    return [_evaluate_one(engine, rule) for rule in rules]


def _evaluate_one(engine: Any, rule: str) -> dict[str, Any]:
    try:
        value = json.loads(engine.eval_rule_as_json(rule))
    except RuntimeError:  # its text may quote the input, so it stays here
        return {"failure": "error"}
    return {"failure": "undefined"} if value == _UNDEFINED else {"value": value}


def _answer(message: Mapping[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
