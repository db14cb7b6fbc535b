"""What others' libraries take for the same work: one module each, run as a process in an environment of its own.

A peer reads its input from files that it is given, warms up, measures its work alone, and prints one JSON object with
`seconds`, `cpu_seconds` and `count` (how many results it found). It imports nothing of ours but this package.
"""
