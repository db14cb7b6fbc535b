"""What a long-running process keeps in memory for ever: it loads no library that it may never use."""

import subprocess
import sys
from pathlib import Path

import pytest

PROCESSES = [
    # A broker grants engines and counts elements; it never holds an array of them.
    ("tacita_broker.run", {"numpy", "private_set_intersection", "alembic"}),
    # Engines compute in the worker processes; PostgreSQL's dialect is for nodes that use it.
    ("tacita_node.run", {"private_set_intersection", "alembic", "sqlalchemy.dialects.postgresql"}),
    # A node's workers, which its pool starts with the first of these tasks: neither database nor server.
    ("tacita_node.data.sealing", {"sqlalchemy", "fastapi", "structlog"}),
    ("tacita_node.data.token_pages", {"sqlalchemy", "fastapi", "structlog"}),
]


SERVERS = ("tacita_broker", "tacita_node")


@pytest.mark.parametrize("package", SERVERS)
def test_a_server_has_not_loaded_what_is_for_terminals(package: str, tmp_path: Path) -> None:
    """As its command finds no broker or node, it ends where it would begin to serve."""
    program = (
        f"import atexit, sys; from {package}.cli import main; sys.argv[1:] = ['run', {str(tmp_path)!r}]; "
        "atexit.register(lambda: print(*sys.modules)); main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    names = set(done.stdout.split())
    assert f"{package}.run" in names
    assert names & {"rich", "pygments"} == set()


@pytest.mark.parametrize(("entry", "unneeded"), PROCESSES, ids=[entry for entry, _ in PROCESSES])
def test_a_process_at_rest_has_not_loaded(entry: str, unneeded: set[str]) -> None:
    program = f"import sys, {entry}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names = set(loaded.stdout.split())
    assert entry in names
    assert names & unneeded == set()
