"""Makes the site's search work when its pages are opened from a disk, without a server and without a foreign script.

A page that comes from a file may neither fetch the index nor start a worker. So the index is written as a script too
(the theme loads that one by itself), and `search-from-disk.js` runs the theme's search in a frame.
"""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority

SCRIPT = Path(__file__).with_name("search-from-disk.js")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Called by mkdocs once its settings are read."""
    config.extra["polyfills"] = [f"assets/javascripts/{SCRIPT.name}"]  # the theme loads these before its own
    return config


@event_priority(-100)  # after the search plugin
def on_post_build(config: MkDocsConfig) -> None:
    """Called by mkdocs once the site is written."""
    site = Path(config.site_dir)
    index = (site / "search" / "search_index.json").read_text(encoding="utf-8")
    (site / "search" / "search_index.js").write_text(f"var __index = {index}", encoding="utf-8")
    (site / "assets" / "javascripts" / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
