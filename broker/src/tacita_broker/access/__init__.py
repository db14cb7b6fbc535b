"""Who is calling: bodies with limits, signed requests, nonces, bearer tokens, signed answers."""
