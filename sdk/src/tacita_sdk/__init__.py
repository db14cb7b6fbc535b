"""Clients for a Tacita node and broker, the offline verifier and the `tacita` command."""
