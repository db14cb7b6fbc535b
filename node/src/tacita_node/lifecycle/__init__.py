"""Taking back what was given: withdrawing datasets, revoking agreements, hearing of revocations, replacing keys."""
