"""Private set intersection: engines behind one interface, without input or output."""
