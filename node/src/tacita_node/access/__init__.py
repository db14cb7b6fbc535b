"""Who may use the local API, and how much they may send."""
