"""The signed vocabulary: what partners and brokers say to each other, one file per subject.

`statement` holds the base model and the signing, `vocabulary` the field types and closed sets that several
statements share. Import from the modules; nothing is re-exported here, so that importing one costs only that one.
"""
