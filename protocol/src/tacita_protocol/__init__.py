"""Tacita's wire protocol: identifiers, statements, sessions, engines, transparency log. It does no input or output."""

__version__ = "0.1.0"
