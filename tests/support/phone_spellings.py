"""Phone numbers of every region, real and nearly real, in the spellings that data has: the same in every run."""

import random
from collections.abc import Iterator

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

REGIONS: tuple[str, ...] = tuple(sorted(phonenumbers.SUPPORTED_REGIONS))
_DIGITS = "0123456789"


def spellings(regions: tuple[str, ...], *, each: int, seed: int) -> Iterator[tuple[str, str | None]]:
    """`each` texts with the region they are read in, for every one of `regions`, region by region.

    The order matters for the time: `phonenumbers` compiles a region's patterns anew when others came between.
    """
    for region in regions:
        rng = random.Random(f"{seed} {region}")
        examples = [
            example
            for kind in PhoneNumberType.values()
            if (example := phonenumbers.example_number_for_type(region, kind)) is not None
        ]
        for _ in range(each):
            example = rng.choice(examples)
            national = _changed(phonenumbers.national_significant_number(example), rng)
            yield _spelt(region, example.country_code or 0, national, rng)


def _changed(national: str, rng: random.Random) -> str:
    """Some digits exchanged, sometimes one too few or too many: about half of the results are valid."""
    digits = list(national)
    for _ in range(rng.randrange(len(digits))):
        digits[rng.randrange(len(digits))] = rng.choice(_DIGITS)
    chance = rng.random()
    if chance < 0.08:
        digits.pop()
    elif chance < 0.16:
        digits.append(rng.choice(_DIGITS))
    return "".join(digits)


def _spelt(region: str, code: int, national: str, rng: random.Random) -> tuple[str, str | None]:
    number = PhoneNumber(country_code=code, national_number=int(national or "0"))
    match rng.randrange(9):
        case 0:
            return f"+{code}{national}", None
        case 1:
            return f"+{code}{national}", rng.choice(REGIONS)
        case 2:
            return f"+{code} (0) {national[:3]} {national[3:]}", region
        case 3:
            return national, region
        case 4:
            return (phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or "") + national, region
        case 5:
            return phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL), region
        case 6:
            return f"00{code} {national[:3]}-{national[3:]}", region
        case 7:
            return f"{code}{national}", region
        case _:
            return f"tel:+{code}-{national[:4]}.{national[4:]}", region
