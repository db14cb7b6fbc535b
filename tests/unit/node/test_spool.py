"""The spool of an import: every identifier once, by its first line, in memory that no file can fill."""

from pathlib import Path

from tacita_node.data.sealing import BUCKETS, CHUNK_LINES, seal_lines
from tacita_node.data.spool import Spool
from tacita_protocol.crypto.storage import StorageCipher

CIPHER = StorageCipher(bytes(32))
SOURCE = "3f" * 16


def spooled(folder: Path, texts: list[str]) -> tuple[list[int], int, int]:
    """The lines that become records, by number; lines that hold an identifier; bytes of the fullest bucket."""
    held, packed = 0, [0] * BUCKETS
    with Spool(folder, rejects=10) as spool:
        for start in range(0, len(texts), CHUNK_LINES):
            lines = list(enumerate(texts[start : start + CHUNK_LINES], start + 2))
            done = seal_lines(CIPHER, "book", "email", None, SOURCE, lines)
            held += done.records
            for number, content in done.buckets.items():
                packed[number] += len(content)
            spool.add(done)
        return sorted(record.line for batch in spool.sorted(100) for record in batch), held, max(packed)


def test_an_identifier_is_one_record_by_its_first_line(tmp_path: Path) -> None:
    texts = ["a@example.org", "b@example.org", "A@EXAMPLE.ORG", "nothing", "b@example.org", "c@example.org"]
    lines, held, _ = spooled(tmp_path, texts)
    assert (lines, held) == ([2, 3, 7], 5)
    assert spooled(tmp_path, texts + ["c@example.org"] * CHUNK_LINES)[0] == lines


def test_a_file_that_repeats_one_identifier_fills_no_bucket(tmp_path: Path) -> None:
    """Equal identifiers are in one bucket, and a bucket is sorted in memory: all of a file's lines would be there."""
    lines, held, fullest = spooled(tmp_path, ["desk@example.org" + " " * 1_000] * (4 * CHUNK_LINES))
    assert (lines, held) == ([2], 4 * CHUNK_LINES)
    assert fullest < 4 * 2_000  # a record for each chunk of lines, and not one for each line
