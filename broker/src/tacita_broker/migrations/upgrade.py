"""Applying migrations. Imported only when the schema is not at its head: Alembic costs a fifth of a second."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from tacita_broker.storage import SCHEMA_HEAD, is_sqlite, parse_url


def upgrade(url: str, revision: str = SCHEMA_HEAD) -> None:
    """Bring the database at `url` to `revision`, each revision in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    address = parse_url(url)
    config.attributes["url"] = address.set(drivername="sqlite") if is_sqlite(address) else address
    command.upgrade(config, revision)
