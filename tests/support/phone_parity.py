"""The comparison of the two libraries that know numbering plans."""

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.numbering_plan import FAST, REFERENCE, Reader, reader_by
from tacita_protocol.identifiers.phone import normalise_by
from tests.support.phone_spellings import spellings


def differences(regions: tuple[str, ...], *, each: int, seed: int) -> tuple[int, int, list[tuple[str, str | None]]]:
    """How many texts were compared, how many of them are numbers, and those that the libraries read differently."""
    reference, fast = reader_by(REFERENCE), reader_by(FAST)
    compared, valid, different = 0, 0, []
    for text, region in spellings(regions, each=each, seed=seed):
        expected = _outcome(reference, text, region)
        compared += 1
        valid += expected.startswith("+")
        if _outcome(fast, text, region) != expected:
            different.append((text, region))
    return compared, valid, different


def _outcome(read: Reader, text: str, region: str | None) -> str:
    try:
        return normalise_by(read, text, region)
    except InvalidIdentifier as error:
        return error.reason
