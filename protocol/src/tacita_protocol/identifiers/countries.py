"""The countries of ISO 3166-1, by their two letters."""

from functools import cache

from tacita_protocol.identifiers.numbering_plan import REFERENCE, regions

_PLANS_OF_OTHERS = frozenset({"AC", "TA"})
"""Have a numbering plan of their own and are part of SH in ISO 3166-1. (XK, Kosovo, has no code there and is
kept: there is no other for it.)"""
_WITHOUT_A_PLAN = frozenset({"AQ", "BV", "GS", "HM", "PN", "TF", "UM"})
"""Countries of ISO 3166-1 that have no numbering plan of their own."""


@cache
def countries() -> frozenset[str]:
    """Every country of ISO 3166-1 and XK: those that the reference library of phone numbers knows, and seven more."""
    return regions(REFERENCE) - _PLANS_OF_OTHERS | _WITHOUT_A_PLAN
