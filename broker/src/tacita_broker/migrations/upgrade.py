"""Applying migrations. Imported only when the schema is not at its head: Alembic costs a fifth of a second."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from tacita_broker.storage import SCHEMA_HEAD, parse_url


def upgrade(url: str, revision: str = SCHEMA_HEAD) -> None:
    """Bring the database at `url` to `revision`, each revision in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = parse_url(url).set(drivername="sqlite")
    command.upgrade(config, revision)
