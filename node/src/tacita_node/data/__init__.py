"""A partner's own data: source files, the records read from them, datasets, their epochs, and the custody chain."""
