"""The built documentation loads nothing from elsewhere: whoever reads it is seen by nobody."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOADING = {"src", "srcset", "href", "data", "poster", "action", "xlink:href"}
"""Attributes whose address a browser asks for, on every element but a link that a person must click."""
ELSEWHERE = re.compile(r"^\s*([a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
IN_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?([^"')\s]+)""")


class Loads(HTMLParser):
    """What a page makes a browser fetch from another host."""

    def __init__(self) -> None:
        super().__init__()
        self.elsewhere: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in LOADING and tag != "a" and ELSEWHERE.match(value or ""):
                self.elsewhere.append(f"{tag} {name}={value}")
            if name == "style":
                self.elsewhere += styled(value or "")
            # The theme's script would fetch the program that draws such a picture.
            if name == "class" and "mermaid" in (value or "").split():
                self.elsewhere.append(f"{tag} class={value}")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style":
            self.elsewhere += styled(data)


def styled(text: str) -> list[str]:
    return [f"style {address}" for address in IN_STYLE.findall(text) if ELSEWHERE.match(address)]


def loads(page: str) -> list[str]:
    reader = Loads()
    reader.feed(page)
    reader.close()
    return reader.elsewhere


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [str(Path(sys.executable).parent / "mkdocs"), "build", "--quiet", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = {page.relative_to(site).as_posix(): page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    assert {"index.html", "protocol.html", "adr/0001-workspace-and-lock.html"} <= pages.keys()
    assert {name: found for name, page in pages.items() if (found := loads(page))} == {}


def test_no_style_sheet_loads_anything_from_elsewhere(site: Path) -> None:
    sheets = [sheet.read_text(encoding="utf-8") for sheet in site.rglob("*.css")]
    assert sheets
    assert [found for sheet in sheets for found in styled(sheet)] == []


def test_every_decision_is_on_the_site(site: Path) -> None:
    written = {file.stem for file in (ROOT / "docs/adr").glob("[0-9]*.md")}
    assert {page.stem for page in (site / "adr").glob("[0-9]*.html")} == written


def test_the_search_works_from_a_disk_without_a_foreign_script(site: Path) -> None:
    """Where nothing may be fetched, the theme loads the index as a script; ours stands in for its worker."""
    index = (site / "search/search_index.js").read_text(encoding="utf-8").removeprefix("var __index = ")
    assert json.loads(index) == json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))
    for page in (site / "index.html", site / "adr/0001-workspace-and-lock.html"):
        ours, theirs = re.findall(r'<script src="([^"]+)"', page.read_text(encoding="utf-8"))
        assert "//" not in (page.parent / ours).read_text(encoding="utf-8").replace("// ", "")
        assert (Path(ours).name, Path(theirs).name.partition(".")[0]) == ("search-from-disk.js", "bundle")


@pytest.mark.parametrize(
    "page",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/css">',
        '<img srcset="https://img.example/a.png 2x">',
        "<style>@import 'https://fonts.example/css';</style>",
        '<p style="background: url(https://img.example/a.png)">',
        '<pre class="mermaid">flowchart LR</pre>',
    ],
)
def test_what_loads_from_elsewhere_is_noticed(page: str) -> None:
    assert loads(page)


@pytest.mark.parametrize(
    "page", ['<a href="https://example.org/">', '<img src="architecture.svg">', "<p>https://x/</p>"]
)
def test_what_does_not_is_not(page: str) -> None:
    assert loads(page) == []
