"""`python -m tests.support.import_memory DIRECTORY [ADDRESS LARGE]`: how much more a large file takes than a small one.

ADDRESS is a migrated database on PostgreSQL (else it is a file), LARGE the rows of the large file. Prints, as a JSON
list, by how many bytes the highest memory of the process grew with the second import.
"""

import asyncio
import hashlib
import json
import resource
import sys
from pathlib import Path

from tacita_node.data.imports import Imported, ImportOrder
from tacita_node.services import NodeServices
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.vocabulary import PartnerKind
from tests.support.broker_simulator import BrokerSimulator
from tests.support.identifiers import accounts
from tests.support.single_node import TestClock, opened, prepared

SMALL_ROWS = 20_000
LARGE_ROWS = 60_000
FILLING = "x" * 1_600
"""In a column beside: it makes the large file 98 MB."""


async def main(
    folder: Path, small_rows: int = SMALL_ROWS, large_rows: int = LARGE_ROWS, database: str | None = None
) -> int:
    """Bytes by which the highest memory grew."""
    clock = TestClock()
    broker = BrokerSimulator(clock)
    identity = await prepared(folder / "node", broker, clock=clock, partner="north-bank", kind=PartnerKind.BANK)
    small, large = (_file(folder, rows) for rows in (small_rows, large_rows))
    async with opened(folder / "node", broker, identity, clock=clock, database=database) as services:
        await _import(services, small)
        before = _highest()
        await _import(services, large)
    return _highest() - before


async def _import(services: NodeServices, file: Path) -> None:
    uploads = services.datasets.uploads
    with file.open("rb") as opened_file:
        digest = hashlib.file_digest(opened_file, "sha256").digest()
        upload = await uploads.begin(digest, opened_file.tell())
        opened_file.seek(0)
        for number in range(upload.pieces):
            await uploads.put(upload.name, number, opened_file.read(upload.piece_bytes))
    done = await services.imports.run(upload, ImportOrder("book", Kind.ACCOUNT, "iban"), wait=3_600)
    if not isinstance(done, Imported) or done.rejected:
        raise RuntimeError("the import is wrong")


def _file(folder: Path, rows: int) -> Path:
    path = folder / f"{rows}.csv"
    with path.open("w") as file:
        file.write("filling,iban\n")
        for start in range(0, rows, 1_000):
            file.writelines(f"{FILLING},{account}\n" for account in accounts(1_000, start=start))
    return path


def _highest() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    folder, *on_server = sys.argv[1:]
    rows, address = (int(on_server[1]), on_server[0]) if on_server else (LARGE_ROWS, None)
    print(json.dumps([asyncio.run(main(Path(folder), large_rows=rows, database=address))]))
