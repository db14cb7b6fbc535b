"""A witness of its own: a directory with its key, its configuration and its memory, and the process that runs it.

witness.json          name, broker's address, the log's key
witness.key           the signing seed: sealed under a passphrase when TACITA_WITNESS_PASSPHRASE_FILE names one,
                      else readable by the owner only
witness-state.json    see `store`
witness.lock          held by the process that runs it
"""

import asyncio
import fcntl
import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal

import httpx2
from pydantic import Field

from tacita_protocol.crypto.encoding import b64u, from_b64u
from tacita_protocol.crypto.keyfile import MAX_KEY_FILE_BYTES, open_key_file, seal_key_file
from tacita_protocol.crypto.keys import SIGNING_SEED_SIZE, SigningKey
from tacita_protocol.errors import ProtocolError
from tacita_protocol.statements.statement import Part, parse_part
from tacita_protocol.tlog.note import KIND_LOG, CosignatureSigner, NoteVerifier
from tacita_protocol.tlog.trust import NO_QUORUM
from tacita_sdk.errors import ArgumentRefused, SdkError
from tacita_sdk.witness import logs
from tacita_sdk.witness.http import WitnessHttp
from tacita_sdk.witness.runner import WitnessRunner
from tacita_sdk.witness.store import WitnessStore, sync_directory, write_durably
from tacita_sdk.witness.witness import Witness

PASSPHRASE_FILE_VARIABLE: Final = "TACITA_WITNESS_PASSPHRASE_FILE"  # noqa: S105  a variable's name, no secret

_CONFIG_MAX_BYTES: Final = 16 * 1024
_LEVELS: Final = {"witness.cosigned": logging.INFO, "witness.refused": logging.ERROR}


class WitnessDirectoryError(SdkError):
    """The directory cannot be made or read as a witness's; the sentence says why."""


class _Config(Part):
    v: Literal[1]
    name: Annotated[str, Field(max_length=255)]
    broker: Annotated[str, Field(max_length=1024)]
    log: Annotated[str, Field(max_length=1024)]


def init_witness(directory: Path, *, name: str, broker_url: str, log_vkey: str) -> str:
    """Make a witness with a fresh key, and the line `witness NAME VKEY` for the federation's trust file.

    `directory` must not exist or be empty. Raises ArgumentRefused, WitnessDirectoryError or OSError.
    """
    if name == NO_QUORUM or "\t" in name:
        raise ArgumentRefused("This name cannot be used in a trust file.")
    key = SigningKey.generate()
    try:
        signer = CosignatureSigner(name, key)
        if NoteVerifier.from_vkey(log_vkey).kind != KIND_LOG:
            raise ArgumentRefused("This is not the verifier key of a log.")
    except ProtocolError as error:
        raise ArgumentRefused("The witness's name or the log's verifier key is malformed.") from error
    WitnessHttp.require_url(broker_url)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise WitnessDirectoryError("The directory is not empty; a witness is made once.")
    config = _Config(v=1, name=name, broker=broker_url, log=log_vkey)
    write_durably(directory / "witness.key", _sealed(key))
    write_durably(directory / "witness.json", config.model_dump_json(indent=2).encode())
    WitnessStore.create(directory)
    sync_directory(directory.parent)
    return f"witness {name} {signer.vkey}"


def run_witness(directory: Path) -> None:
    """Run the witness until SIGTERM or SIGINT, which stop it within a second. Logs: see `logs`.

    Raises WitnessDirectoryError or WitnessStateError when the directory is unusable, OSError when the disk fails.
    """
    config, key = _load(directory)
    with _only_one(directory):
        logs.configure()
        asyncio.run(_run(directory, config, key))


@contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    """Holds the directory's lock: of two processes on one memory, the first would have to stop. Raises OSError too."""
    with (directory / "witness.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WitnessDirectoryError("Another process runs this witness already.") from None
        yield


async def _run(directory: Path, config: _Config, key: SigningKey) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    witness = Witness(
        log=NoteVerifier.from_vkey(config.log),
        signer=CosignatureSigner(config.name, key),
        memory=WitnessStore(directory),
    )
    async with httpx2.AsyncClient() as client:
        api = WitnessHttp(config.broker, client=client)
        runner = WitnessRunner(witness, api, clock=lambda: int(time.time()), report=_report)
        logs.logger.info("witness.started")
        await runner.run(stop)
        logs.logger.info("witness.stopped")


def _report(event: str) -> None:
    """Anything but a cosignature is for a person to look at; a refused checkpoint may be a fork."""
    logs.logger.log(_LEVELS.get(event, logging.WARNING), event)


def _load(directory: Path) -> tuple[_Config, SigningKey]:
    try:
        config = parse_part(
            _Config, _read(directory / "witness.json", _CONFIG_MAX_BYTES), what="witness", max_bytes=_CONFIG_MAX_BYTES
        )
        data = _read(directory / "witness.key", MAX_KEY_FILE_BYTES)
        passphrase = _passphrase()
        if passphrase is None:
            seed = from_b64u(data.decode("ascii", errors="replace").strip(), length=SIGNING_SEED_SIZE, field="key")
        else:
            seed = open_key_file(data, passphrase)["witness"]
        return config, SigningKey.from_seed(seed)
    except FileNotFoundError:
        raise WitnessDirectoryError("The directory does not hold a witness.") from None
    except KeyError:
        raise WitnessDirectoryError("The key file is not a witness's.") from None
    except ProtocolError as error:
        raise WitnessDirectoryError(
            f"The configuration or key of the witness cannot be read; is {PASSPHRASE_FILE_VARIABLE} the one it was made"
            " with?"
        ) from error


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        return file.read(limit + 1)


def _sealed(key: SigningKey) -> bytes:
    passphrase = _passphrase()
    if passphrase is None:
        return f"{b64u(key.seed)}\n".encode()
    return seal_key_file({"witness": key.seed}, passphrase)


def _passphrase() -> bytes | None:
    path = os.environ.get(PASSPHRASE_FILE_VARIABLE)
    if not path:
        return None
    passphrase = _read(Path(path), 4096).strip()
    if not passphrase:
        raise WitnessDirectoryError(f"The file that {PASSPHRASE_FILE_VARIABLE} names is empty.")
    return passphrase
