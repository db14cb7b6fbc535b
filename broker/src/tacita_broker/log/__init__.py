"""The transparency log: entries, sequencer, published files, witnesses."""
