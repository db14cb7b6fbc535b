"""Valid identifiers made by counting: cheap, all different, the same in every run."""

MOBILE_PREFIX = "+447911"
BANK_CODE = "MIDL"
SORT_CODE = "400515"


def phones(count: int, *, start: int = 0) -> list[str]:
    """`count` valid British mobile numbers in E.164, numbered from `start` (start + count <= 10^6)."""
    return [f"{MOBILE_PREFIX}{number:06}" for number in range(start, start + count)]


def accounts(count: int, *, start: int = 0) -> list[str]:
    """`count` valid British IBANs, numbered from `start` (start + count <= 10^8)."""
    return [_iban(f"{BANK_CODE}{SORT_CODE}{number:08}") for number in range(start, start + count)]


def _iban(bban: str) -> str:
    """ISO 7064 MOD 97-10: letters count from A = 10, the country and 00 go last, 98 minus the remainder."""
    digits = "".join(str(int(character, 36)) for character in bban + "GB00")
    return f"GB{98 - int(digits) % 97:02}{bban}"
