"""`tacita-broker run`: from a directory to a serving process."""

import asyncio
import resource
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from tacita_broker.app import create_app
from tacita_broker.clock import system_clock
from tacita_broker.directory import BrokerDirectory, migrate, read_passphrase
from tacita_broker.disk import takes_nothing
from tacita_broker.errors import ConfigurationRefused
from tacita_broker.observability import configure_logging, events
from tacita_broker.server import check_binding, serve
from tacita_broker.services import build
from tacita_policies.bundle import Bundle
from tacita_policies.check_process import check_apart
from tacita_policies.embedded import EmbeddedDecisionPoint
from tacita_policies.source import PolicyRefused


def run_broker(path: Path, passphrase_file: Path | None, changes: dict[str, Any]) -> str | None:
    """Serve until a signal; `changes` to the settings come from the command line.

    Returns a sentence when the broker stopped itself, None otherwise. Raises `BrokerError` when it cannot start.
    """
    directory = BrokerDirectory(path)
    settings = directory.settings().model_copy(update=changes)
    check_binding(settings)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # keys do not get onto the disk by a crash
    keys = directory.keys(read_passphrase(passphrase_file))
    if keys.signing.verify_key.text != settings.signing_key:
        raise ConfigurationRefused("the key file is not that of these settings")
    configure_logging()
    events().info("broker.starting", broker=settings.broker, port=settings.port)
    try:
        asyncio.run(migrate(settings.database))
        services = build(directory, settings, keys, EmbeddedDecisionPoint(Bundle.load(check=check_apart)), system_clock)
        reason = serve(create_app(services), services)
    except (OSError, DBAPIError) as error:
        if not takes_nothing(error):
            raise
        raise ConfigurationRefused(
            f"the disk of {path} takes nothing: make room on it, or let this user write there, and start again"
        ) from error
    except PolicyRefused as error:
        raise ConfigurationRefused(f"the policy bundle cannot be used: {error}") from error
    events().info("broker.stopped")
    return reason
