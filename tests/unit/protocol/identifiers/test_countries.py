"""ISO 3166-1 has 249 countries; where the phone library's list differs from it is corrected."""

from tacita_protocol.identifiers.countries import countries


def test_they_are_those_of_iso_3166_and_kosovo() -> None:
    known = countries()
    assert len(known - {"XK"}) == 249
    assert {"GB", "GR", "DE", "US", "KE", "AQ", "UM", "XK"} <= known
    assert not known & {"UK", "EL", "EU", "AC", "TA", "001", "ZZ"}
    assert all(len(code) == 2 and code.isupper() for code in known)
