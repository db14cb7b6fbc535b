"""Every benchmark by its name. Modules are imported when a benchmark runs: worker processes import the main module."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module

from bench.report import Figure

BENCHMARKS: Mapping[str, str] = {
    "ecdh.2^16": "bench.ecdh:ecdh_2_16",
    "path.ecdh.2^16": "bench.path:path_ecdh_2_16",
    "import.phones": "bench.imports:import_phones",
    "memory.node": "bench.memory:memory_node",
    "hits.page": "bench.hits:hits_page",
    "policy.decide": "bench.policy:policy_decide",
    "log.append": "bench.log:log_append",
    "log.p99": "bench.broker:log_p99",
    "log.verify": "bench.log:log_verify",
    "broker.matches": "bench.broker:broker_matches",
    "broker.relay": "bench.broker:broker_relay",
    "cli.help": "bench.start:cli_help",
    "start.broker": "bench.start:start_broker",
}
"""Name -> `module:function`. A function takes nothing and returns figures, the first of which has the same name."""

WITH_PEERS = frozenset({"ecdh.2^16", "import.phones"})
"""Those that run a module of `bench.peers` beside ours."""


def selected(name: str) -> list[str]:
    """The benchmarks that `name` stands for: `all`, `peers`, one of them, or all that begin with `name.`."""
    if name == "peers":
        return [known for known in BENCHMARKS if known in WITH_PEERS]
    return [known for known in BENCHMARKS if name in ("all", known) or known.startswith(f"{name}.")]


def benchmark(name: str) -> Callable[[], Iterable[Figure]]:
    """The function behind a name of `BENCHMARKS`."""
    module, _, function = BENCHMARKS[name].partition(":")
    found: Callable[[], Iterable[Figure]] = getattr(import_module(module), function)
    return found
