"""Matches of this node with others: the jobs that drive sessions, and what they leave behind."""
