"""Bringing files into a node and following what becomes of them: this part of `Node`, and of `AsyncNode`."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tacita_sdk import node_calls as calls
from tacita_sdk.import_steps import REJECTS_SHOWN, CsvImport, ImportProgress, preview_csv
from tacita_sdk.node_api import ImportCancelled, ImportReport, ImportUnderWay, Preview
from tacita_sdk.node_http import AsyncNodeConnection, NodeConnection


class NodeImports(NodeConnection):
    """What `Node` can do with files."""

    def import_csv(
        self,
        file: Path,
        *,
        dataset: str,
        kind: str,
        column: str | None = None,
        region: str | None = None,
        delimiter: str | None = None,
        dry_run: bool = False,
        rejects: int = REJECTS_SHOWN,
        on_progress: Callable[[ImportProgress], None] | None = None,
    ) -> ImportReport:
        """Import one column of a CSV file into an own dataset; all of it or, on any error, none of it.

        `column` names the header (the node takes the only column when there is one); `region` (ISO alpha-2) is what
        national spellings are read in; `delimiter` is comma, semicolon or tab, found out when None. Lines that hold no
        valid identifier are counted, and the first `rejects` of them shown by number and reason. With `dry_run`,
        nothing is stored. `on_progress` is told how far it is.

        The report's `outcome` says what came of it: `nothing-valid` means that every line was rejected and nothing was
        stored, `unchanged` that this file was imported before. Whoever is interrupted calls it again: what has been
        sent stays there, and an import that was begun is joined.
        """
        steps = CsvImport(file, dataset, kind, column, region, delimiter, dry_run, rejects, on_progress).steps()
        return self._follow(steps)

    def imports(self) -> tuple[ImportUnderWay, ...]:
        """The imports that run or wait at the node, the first one first."""
        return self._run(calls.imports()).imports

    def cancel_import(self, source: str) -> ImportCancelled:
        """End an import that has not ended; nothing of it is left then. `NodeProblem` 409 when it is over already."""
        return self._run(calls.cancel_import(source))

    def preview_csv(
        self,
        file: Path,
        *,
        kind: str | None = None,
        column: str | None = None,
        region: str | None = None,
        delimiter: str | None = None,
    ) -> Preview:
        """What a node makes of the beginning of a CSV file: nothing is kept. What is None is guessed."""
        return self._run(preview_csv(file, kind=kind, column=column, region=region, delimiter=delimiter))


class AsyncNodeImports(AsyncNodeConnection):
    """What `AsyncNode` can do with files: the same."""

    async def import_csv(
        self,
        file: Path,
        *,
        dataset: str,
        kind: str,
        column: str | None = None,
        region: str | None = None,
        delimiter: str | None = None,
        dry_run: bool = False,
        rejects: int = REJECTS_SHOWN,
        on_progress: Callable[[ImportProgress], None] | None = None,
    ) -> ImportReport:
        """Import one column of a CSV file into an own dataset; all of it or, on any error, none of it.

        `column` names the header (the node takes the only column when there is one); `region` (ISO alpha-2) is what
        national spellings are read in; `delimiter` is comma, semicolon or tab, found out when None. Lines that hold no
        valid identifier are counted, and the first `rejects` of them shown by number and reason. With `dry_run`,
        nothing is stored. `on_progress` is told how far it is.

        The report's `outcome` says what came of it: `nothing-valid` means that every line was rejected and nothing was
        stored, `unchanged` that this file was imported before. Whoever is interrupted calls it again: what has been
        sent stays there, and an import that was begun is joined.
        """
        steps = CsvImport(file, dataset, kind, column, region, delimiter, dry_run, rejects, on_progress).steps()
        return await self._follow(steps)

    async def imports(self) -> tuple[ImportUnderWay, ...]:
        """The imports that run or wait at the node, the first one first."""
        return (await self._run(calls.imports())).imports

    async def cancel_import(self, source: str) -> ImportCancelled:
        """End an import that has not ended; nothing of it is left then. `NodeProblem` 409 when it is over already."""
        return await self._run(calls.cancel_import(source))

    async def preview_csv(
        self,
        file: Path,
        *,
        kind: str | None = None,
        column: str | None = None,
        region: str | None = None,
        delimiter: str | None = None,
    ) -> Preview:
        """What a node makes of the beginning of a CSV file: nothing is kept. What is None is guessed."""
        call = await asyncio.to_thread(preview_csv, file, kind=kind, column=column, region=region, delimiter=delimiter)
        return await self._run(call)
