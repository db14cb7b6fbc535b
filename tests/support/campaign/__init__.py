"""A campaign of `kill -9` against a federation of real processes under load, and its verdict.

forked_programs   the programs, each a process of its own, started in a fraction of a second
parties           broker, two nodes and two witnesses: made, started, killed
orders            concurrent matches between the nodes
requests          requests that the broker denies, sent straight to it: many log entries for little work
observer          what somebody sees who looks at the published checkpoint all the time
kills             whom to kill when, from a seed
verdict           what must hold at the end
"""
