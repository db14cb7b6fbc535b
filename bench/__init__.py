"""What is claimed about speed, measured beside peers in the same run: `python -m bench NAME`."""
