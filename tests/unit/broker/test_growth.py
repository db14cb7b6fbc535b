"""Growing a tree by its tiles gives the tree of all its entries."""

from hypothesis import given
from hypothesis import strategies as st

from tacita_broker.log.growth import grow
from tacita_protocol.tlog.merkle import leaf_hash, root_of_leaves
from tacita_protocol.tlog.tiles import decode_entries, entries_path, tile_width


@given(st.lists(st.integers(min_value=1, max_value=300), min_size=1, max_size=4))
def test_any_growth_equals_the_whole_tree(batches: list[int]) -> None:
    files: dict[str, bytes] = {}
    entries: list[bytes] = []
    for batch in batches:
        new = [f"entry {len(entries) + number}".encode() for number in range(batch)]
        size = len(entries)
        growth = grow(size, files.__getitem__, entries[size - size % 256 :], new)
        entries += new
        for path, data in growth.files:
            assert files.setdefault(path, data) == data
        assert growth.size == len(entries)
        assert growth.root == root_of_leaves([leaf_hash(entry) for entry in entries])
    for index in range(-(-len(entries) // 256)):
        width = tile_width(0, index, len(entries))
        bundle = decode_entries(files[entries_path(index, width)], width=width)
        assert bundle == entries[index * 256 : index * 256 + width]
