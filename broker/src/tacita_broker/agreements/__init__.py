"""Agreements between partners: carried, kept, and logged as a salted digest. The broker is no party to them."""
