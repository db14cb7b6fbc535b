"""What happened, for each partner, in order."""
