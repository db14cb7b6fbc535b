"""What each partner loads into its own node, and which of its lists others may ask about."""

import textwrap
from concurrent.futures import ThreadPoolExecutor

from deploy.demo.cast import Cast, Party
from deploy.demo.identifiers import REGION
from deploy.demo.sample_data import SampleData
from tacita_sdk.node_api import PublishOrder

Import = tuple[str, str, str, str]
"""File, dataset, kind, column."""

BANK: tuple[Import, ...] = (
    ("customers", "customer-phones", "phone", "mobile"),
    ("customers", "customer-accounts", "account", "iban"),
    ("customers", "customer-emails", "email", "email"),
)
HOTEL: tuple[Import, ...] = (
    ("agencies", "agency-phones", "phone", "phone"),
    ("agencies", "agency-accounts", "account", "account"),
    ("agencies", "agency-emails", "email", "email"),
    ("agencies", "agency-companies", "company", "company number"),
    ("applications", "applicant-phones", "phone", "phone"),
)
NGO: tuple[Import, ...] = (
    ("hotline-phones", "hotline-phones", "phone", "number"),
    ("reported-accounts", "reported-accounts", "account", "account"),
    ("advert-emails", "advert-emails", "email", "address"),
    ("reported-companies", "reported-companies", "company", "company"),
    ("suspect-phones", "suspect-phones", "phone", "number"),
    ("watched-phones", "watched-phones", "phone", "number"),
)

OFFERED = {
    "albion-bank": (
        ("customer-phones", "ordinary", ("ngo",)),
        # Shown to hotels as well; the federation's rules are what keeps it from them.
        ("customer-accounts", "financial", ("ngo", "hotel")),
        ("customer-emails", "ordinary", ("ngo",)),
    ),
    "harbour-hotels": (
        ("agency-phones", "ordinary", ("ngo",)),
        ("agency-accounts", "financial", ("ngo",)),
        ("agency-emails", "ordinary", ("ngo",)),
        ("agency-companies", "ordinary", ("ngo",)),
    ),
    "haven": (
        ("hotline-phones", "possible-victim", ("bank",)),
        ("reported-accounts", "financial", ("bank",)),
        ("suspect-phones", "ordinary", ("hotel",)),
        ("watched-phones", "ordinary", ("hotel",)),
    ),
}
"""By partner: dataset, how sensitive it is, and the kinds of partner that may know that it exists."""


def load(cast: Cast, data: SampleData) -> None:
    """Every partner imports its files into its own node, and offers some of them."""
    with ThreadPoolExecutor() as together:
        loading = [
            together.submit(_load_party, party, imports, data)
            for party, imports in ((cast.bank, BANK), (cast.hotel, HOTEL), (cast.ngo, NGO))
        ]
    for name, loaded in zip(("Bank", "Hotels", "NGO"), loading, strict=True):
        print(
            textwrap.fill(f"{name}: {', '.join(loaded.result())}.", 118, initial_indent="  ", subsequent_indent="    ")
        )


def _load_party(party: Party, imports: tuple[Import, ...], data: SampleData) -> list[str]:
    loaded = []
    for file, dataset, kind, column in imports:
        report = party.node.import_csv(data.file(file), dataset=dataset, kind=kind, column=column, region=REGION)
        unread = f" ({report.rejected} lines not readable)" if report.rejected else ""
        loaded.append(f"{report.accepted:,} {dataset.replace('-', ' ')}{unread}")
    for dataset, sensitivity, shown_to in OFFERED[party.member.partner]:
        party.node.publish(dataset, PublishOrder(sensitivity=sensitivity, discoverable_by=shown_to))
    return loaded
