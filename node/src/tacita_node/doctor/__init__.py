"""A node examines itself: what is missing or blocked, and how to mend it."""
