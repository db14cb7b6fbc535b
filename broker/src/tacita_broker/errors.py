"""What can stop a broker or one of its commands.

    BrokerError
     +- ConfigurationRefused   a directory, file or option that cannot be used; the message is for the operator
     |   +- UsageRefused       an option that is missing or does not fit; nothing was done
     +- LogFailure             the log must not continue; the process ends, nothing is repaired silently
         +- LogDamaged         files and database contradict each other
         +- LogRolledBack      more was published than the database knows: an old backup, or a second history
         +- LeaseLost          another broker works, or has worked, on the same database

What a *caller* did wrong is a `problems.ProblemError`; what a *message* holds wrong is a `ProtocolError`.
"""


class BrokerError(Exception):
    """Base of what stops a broker."""


class ConfigurationRefused(BrokerError):
    """A configuration that cannot be used; the message says what to change."""


class UsageRefused(ConfigurationRefused):
    """An option of a command is missing or does not fit; nothing was done."""


class LogFailure(BrokerError):
    """The log cannot go on."""


class LogDamaged(LogFailure):
    """Files and database of the log contradict each other."""


class LogRolledBack(LogFailure):
    """The published log is larger than the stored one: going on would fork it."""


class LeaseLost(LogFailure):
    """Another broker holds the sequencer of this database."""
