"""Database files as the migrations leave them: made by the real ones once in a process of tests, then copied."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tacita_broker.directory import migrate as migrate_broker
from tacita_node.storage import migrate as migrate_node

_of_brokers: list[bytes] = []


async def broker_database() -> bytes:
    """What a new broker's database file holds."""
    if not _of_brokers:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "broker.db"
            await migrate_broker(f"sqlite:///{file}")
            _of_brokers.append(file.read_bytes())
    return _of_brokers[0]


@cache
def node_database() -> bytes:
    """What a new node's database file holds."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "node.db"
        migrate_node(file)
        return file.read_bytes()
