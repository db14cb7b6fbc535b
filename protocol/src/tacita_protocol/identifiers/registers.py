"""Registers of companies: how their numbers look, what checks them, and what people write in front of them.

Only registers of businesses, or of taxpayers as far as the number shows that it is no person's.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Register:
    """One register.

    Attributes:
        country: ISO 3166-1 alpha-2.
        name: in canonical forms, `country:name:number`.
        shape: of a number in capitals, without separators.
        checked_by: module of python-stdnum that knows its check digits; None: there are none.
        labels: what people write in front of a number, in capitals without separators.
        bare: whether a number may stand without a label where its country is given.
    """

    country: str
    name: str
    shape: re.Pattern[str]
    checked_by: str | None
    labels: tuple[str, ...]
    bare: bool = True


def _register(row: str) -> Register:
    country, name, shape, checked_by, *labels = row.split()
    return Register(
        country=country,
        name=name.removesuffix("!"),
        shape=re.compile(shape),
        checked_by=None if checked_by == "-" else f"stdnum.{checked_by}",
        labels=(name.removesuffix("!"), *labels),
        bare=not name.endswith("!"),
    )


# country, name (! after it: never without its label), shape, what checks it (- for nothing), more labels
_TABLE = r"""
AR CUIT      3[034][0-9]{9}                    ar.cuit
AT FN!       [1-9][0-9]{0,5}[A-Z]              -                      FIRMENBUCH
AT VAT       U[0-9]{8}                         at.uid                 UID
AU ABN       [0-9]{11}                         au.abn
AU ACN       [0-9]{9}                          au.acn
BE KBO       [01]?[0-9]{9}                     be.vat                 BCE VAT BTW TVA
BG UIC       [0-9]{9}                          bg.vat                 BULSTAT VAT
BR CNPJ      [0-9A-Z]{12}[0-9]{2}              br.cnpj
BY UNP       [0-9]{9}                          by.unp
CA BN!       [0-9]{9}(?:R[A-Z][0-9]{4})?       ca.bn
CH UID       CHE[0-9]{9}                       ch.uid                 VAT MWST
CL RUT       [5-9][0-9]{7}[0-9K]               cl.rut
CN USCC      9[1-3][0-9]{6}[0-9A-Z]{10}        cn.uscc
CO NIT       [89][0-9]{9}                      co.nit
CY VAT       [0-9]{8}[A-Z]                     cy.vat
CZ ICO       [0-9]{8}                          cz.dic                 VAT DIC
DE VAT       [0-9]{9}                          de.vat                 USTIDNR USTID UID
DK CVR       [0-9]{8}                          dk.cvr                 VAT MOMS
DO RNC       [0-9]{9}                          do.rnc
EC RUC       [0-9]{2}[69][0-9]{7}001           ec.ruc
EE RK        [0-9]{8}                          ee.registrikood        REGISTRIKOOD
EE VAT       [0-9]{9}                          ee.kmkr                KMKR
ES NIF       [ABCDEFGHJNPQRSUVW][0-9]{7}[0-9A-J] es.cif               CIF VAT
FI YTUNNUS   [0-9]{8}                          fi.ytunnus             YT VAT ALV
FR SIREN     [0-9]{9}                          fr.siren
FR SIRET     [0-9]{14}                         fr.siret
FR VAT       [0-9A-HJ-NP-Z]{2}[0-9]{9}         fr.tva                 TVA
GB CRN       [0-9]{8}|(?:SC|NI|OC|OE|SO|NC|FC|SF|NF|LP|SL|NL|IP|SP|RC|SR|NR|CE|CS)[0-9]{6} - COMPANYNO COMPANYNUMBER
GB VAT       [0-9]{9}                          gb.vat
GR VAT!      [0-9]{9}                          gr.vat                 AFM
HR OIB!      [0-9]{11}                         hr.oib                 VAT
HU VAT       [0-9]{8}(?:[1-5][0-9]{2})?        hu.anum                ADOSZAM
IE VAT       [0-9][0-9A-Z][0-9]{5}[A-W][A-I]?  ie.vat
IL HP        5[0-9]{8}                         il.hp
IN CIN       [LU][0-9]{5}[A-Z]{2}[0-9]{4}[A-Z]{3}[0-9]{6} -
IN GSTIN     [0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][0-9A-Z]{3} in_.gstin       GST
IT PIVA      [0-9]{11}                         it.iva                 VAT PARTITAIVA IVA
JP HOUJIN    [0-9]{13}                         jp.cn                  HOUJINBANGOU CORPORATENUMBER
KE PIN       P[0-9]{9}[A-Z]                    ke.pin
KR BRN       [0-9]{10}                         kr.brn
LT VAT!      [0-9]{9}|[0-9]{12}                lt.pvm                 PVM
LU VAT       [0-9]{8}                          lu.tva                 TVA
LV PVN       [4-9][0-9]{10}                    lv.pvn                 VAT
MA ICE       [0-9]{15}                         ma.ice
MT VAT       [0-9]{8}                          mt.vat
MX RFC       [A-Z&]{3}[0-9]{6}[0-9A-Z]{3}      mx.rfc
NL KVK       [0-9]{8}                          -                      KAMERVANKOOPHANDEL
NL VAT       [0-9]{9}B[0-9]{2}                 nl.btw                 BTW
NO ORGNR     [89][0-9]{8}                      no.orgnr               ORGNUMMER MVA VAT
NZ NZBN      9429[0-9]{9}                      ean
PE RUC       20[0-9]{9}                        pe.ruc
PL KRS       0[0-9]{9}                         -
PL NIP       [1-9][0-9]{9}                       pl.nip                 VAT
PL REGON     [0-9]{9}|[0-9]{14}                pl.regon
PT NIPC      [5689][0-9]{8}                    pt.nif                 NIF VAT
PY RUC       80[0-9]{7}                        py.ruc
RO CUI       [0-9]{2,10}                       ro.cui                 CIF VAT
RS PIB       [0-9]{9}                          rs.pib
RU INN       [0-9]{10}                         ru.inn
RU OGRN      [0-9]{13}                         ru.ogrn
SE ORGNR     [0-9]{2}[2-9][0-9]{7}             se.orgnr               ORGNUMMER VAT MOMS
SG UEN       [0-9]{8,9}[A-Z]|[TSR][0-9]{2}[A-Z]{2}[0-9]{4}[A-Z] sg.uen
SI VAT!      [0-9]{8}                          si.ddv                 DDV
SK VAT       [0-9]{10}                         sk.dph                 DPH DIC
TH TIN       0[0-9]{12}                        th.moa
TR VKN       [0-9]{10}                         tr.vkn
TW UBN       [0-9]{8}                          tw.ubn
UA EDRPOU    [0-9]{8}                          ua.edrpou
US EIN!      [0-9]{9}                          us.ein                 FEIN
UY RUT       [0-9]{12}                         uy.rut
VE RIF       [JG][0-9]{9}                      ve.rif
VN MST       [0-9]{10}|[0-9]{13}               vn.mst
ZA CIPC      [12][0-9]{3}[0-9]{6}[0-9]{2}      -
"""

REGISTERS: tuple[Register, ...] = tuple(_register(row) for row in _TABLE.splitlines() if row)


def _grouped(pairs: Iterable[tuple[str, Register]]) -> Mapping[str, tuple[Register, ...]]:
    grouped: dict[str, tuple[Register, ...]] = {}
    for key, register in pairs:
        grouped[key] = (*grouped.get(key, ()), register)
    return grouped


BY_COUNTRY = _grouped((register.country, register) for register in REGISTERS)
BY_LABEL = _grouped((label, register) for register in REGISTERS for label in register.labels)

_ELSEWHERE_TOO = """
BN BRN CIF COMPANYNO COMPANYNUMBER CRN DDV DIC DPH GST HP ICO INN IVA MWST NIF NIT PIB PIN RUC RUT TIN UIC UID
"""
SHARED_LABELS = frozenset(_ELSEWHERE_TOO.split()) | {
    label for label, registers in BY_LABEL.items() if len({register.country for register in registers}) > 1
}
"""Labels that registers of several countries have, listed here or not: they need the country as well."""

VAT_PREFIXES: Mapping[str, str] = {
    register.country: register.country
    for register in REGISTERS
    if "VAT" in register.labels and register.country != "CH"  # its numbers begin with CHE
} | {"EL": "GR", "XI": "GB"}
"""Two letters in front of a VAT number, and the country whose number follows."""
