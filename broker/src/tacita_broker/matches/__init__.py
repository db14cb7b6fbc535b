"""The life of a match at the broker: request, promise, decision, opening entry, statements, closing entry."""
