"""Puts every decision of `docs/adr/` into the site's navigation, so that a new one is there without being named."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig

TITLE = "Decisions"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Called by mkdocs once its settings are read."""
    folder = Path(config.docs_dir) / "adr"
    pages = ["adr/README.md", *sorted(f"adr/{file.name}" for file in folder.glob("[0-9]*.md"))]
    config.nav = [*(config.nav or []), {TITLE: pages}]
    return config
