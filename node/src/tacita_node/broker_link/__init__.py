"""The node's standing connections to the broker: events that concern it, checkpoints to cosign."""
