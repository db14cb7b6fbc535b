"""All cryptography, each file one primitive or format. Nothing outside this package touches raw keys or libraries."""
