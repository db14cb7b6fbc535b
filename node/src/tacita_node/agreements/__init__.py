"""Who this node deals with, and on what terms: confirmed cards and signed agreements."""
