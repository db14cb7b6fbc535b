"""From text to canonical identifier to token: what two partners must do alike to find the same thing."""
