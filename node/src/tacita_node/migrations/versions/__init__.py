"""One file a revision; once released it never changes."""
