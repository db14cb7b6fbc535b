"""How what was given is taken back: revocations of partners, datasets and agreements; rotations of a partner's keys."""
