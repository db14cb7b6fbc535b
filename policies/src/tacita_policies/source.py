"""Checking Rego sources before any of them runs: the one wrapper of regorus's parser.

Every call must be to a pure builtin on the list below or to a function of the bundle itself. Side effects, clocks,
randomness and the network would make a decision unrepeatable, and the engine offers them silently. ``with`` is refused:
it can put one function in another's place.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MAX_RULES = 1_000
"""Rules of one source; more than this nobody reads."""

ALLOWED_BUILTINS = frozenset(
    {
        "abs", "array.concat", "array.reverse", "array.slice", "ceil", "concat", "contains", "count", "endswith",
        "floor", "format_int", "indexof", "intersection", "is_array", "is_boolean", "is_null", "is_number", "is_object",
        "is_set", "is_string", "lower", "max", "min", "object.filter", "object.get", "object.keys", "object.remove",
        "object.subset", "object.union", "object.union_n", "product", "replace", "round", "sort", "split", "sprintf",
        "startswith", "strings.any_prefix_match", "strings.any_suffix_match", "substring", "sum", "to_number", "trim",
        "trim_left", "trim_prefix", "trim_right", "trim_space", "trim_suffix", "type_name", "union", "upper",
    }
)  # fmt: skip
"""Pure, cheap, and the same in regorus and OPA."""

_NAMESPACES = frozenset(
    {
        "array", "base64", "base64url", "bits", "crypto", "glob", "graph", "graphql", "hex", "http", "internal", "io",
        "json", "net", "numbers", "object", "opa", "providers", "rand", "regex", "rego", "semver", "strings", "time",
        "units", "urlquery", "uuid", "yaml",
    }
)  # fmt: skip
"""First words of builtins: an import may not take such a name, or a call would be read in two ways."""


class PolicyRefused(Exception):
    """A bundle that must not be used; the message says which file and why."""


def check_sources(policies: Mapping[str, str]) -> dict[str, str]:
    """Parse the sources and check every call; returns the package of each path.

    Raises:
        PolicyRefused: nothing to check, a source that does not parse, an import or a call that is not allowed.
    """
    import regorus  # here: who has its sources checked in another process does not load the engine

    if not policies:
        raise PolicyRefused("the bundle holds no policy")
    engine = regorus.Engine()
    for path, text in policies.items():
        try:
            engine.add_policy(path, text)
        except RuntimeError as error:
            raise PolicyRefused(f"{path}: {_first_lines(error)}") from None  # the rest is a trace of addresses
    modules = [_Module(module) for module in json.loads(engine.get_ast_as_json())]
    functions = frozenset(name for module in modules for name in module.functions)
    for module in modules:
        module.check(functions)
    return {module.path: module.package for module in modules}


def _first_lines(error: RuntimeError) -> str:
    return " ".join(str(error).partition("Stack backtrace")[0].split())[:400]


class _Module:
    """The syntax tree of one source, as regorus prints it."""

    def __init__(self, module: Mapping[str, Any]) -> None:
        self.path: str = module["source"]["file"]
        tree = module["ast"]
        self.package = _dotted(tree["package"]["refr"]) or ""
        self._rules: Sequence[Any] = tree["rules"]
        self._imports = dict(self._import(item) for item in tree["imports"])
        self.functions = frozenset(f"{self.package}.{name}" for name in self._own_functions())

    def check(self, functions: frozenset[str]) -> None:
        if len(self._rules) > MAX_RULES:
            raise PolicyRefused(f"{self.path}: a source has at most {MAX_RULES} rules")
        for node in _nodes(self._rules):
            if node.get("with_mods"):
                raise PolicyRefused(f"{self.path}: 'with' is not allowed in a policy")
            if "Call" in node:
                self._check_call(_dotted(node["Call"]["fcn"]), functions)

    def _check_call(self, name: str | None, functions: frozenset[str]) -> None:
        if name in ALLOWED_BUILTINS:
            return
        if name is None:
            raise PolicyRefused(f"{self.path}: a call whose function is computed is not allowed")
        first, _, rest = name.partition(".")
        if first == "data":
            full = rest
        elif first in self._imports:
            full = f"{self._imports[first]}.{rest}" if rest else self._imports[first]
        else:
            full = f"{self.package}.{name}"
        if first in _NAMESPACES or full not in functions:
            raise PolicyRefused(f"{self.path}: the call of {name} is not allowed")

    def _import(self, item: Mapping[str, Any]) -> tuple[str, str]:
        name = _dotted(item["refr"]) or ""
        first, _, path = name.partition(".")
        alias = path.rpartition(".")[2]
        if name == "rego.v1":
            return name, name
        if first != "data" or not path.startswith("tacita.") or item.get("as") is not None or alias in _NAMESPACES:
            raise PolicyRefused(f"{self.path}: an import is rego.v1 or data.tacita.*, under its own name")
        return alias, path

    def _own_functions(self) -> Iterator[str]:
        for rule in self._rules:
            function = rule.get("Spec", {}).get("head", {}).get("Func")
            if function is not None:
                name = _dotted(function["refr"])
                if name is None or name.partition(".")[0] in _NAMESPACES or name in ALLOWED_BUILTINS:
                    raise PolicyRefused(f"{self.path}: a function has a plain name that no builtin has")
                yield name


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of the tree, without recursion: sources may nest deeply."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)


def _dotted(reference: Any) -> str | None:
    """``a.b.c`` of a reference made of names and constant strings; None for anything computed."""
    parts: list[str] = []
    while "Var" not in reference:
        if "RefDot" in reference:
            inner = reference["RefDot"]
            parts.append(inner["field"][1])
        elif "RefBrack" in reference and "String" in reference["RefBrack"]["index"]:
            inner = reference["RefBrack"]
            parts.append(inner["index"]["String"]["value"])
        else:
            return None
        reference = inner["refr"]
    return ".".join([reference["Var"]["value"], *reversed(parts)])
