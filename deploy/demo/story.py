"""The demo's story, chapter by chapter: who asks whom, what was planted, what was found, who learned what."""

from deploy.demo.blindness import planted_spellings, seen_by
from deploy.demo.cast import Cast
from deploy.demo.inspection import Inspection
from deploy.demo.killed import kill_in_the_middle
from deploy.demo.questions import Question, answered, chapter, say, show_hits, show_no
from deploy.demo.sample_data import AGENCIES, APPLICANTS, SampleData
from deploy.demo.tally import Tally
from tacita_sdk.node import Match


def tell(cast: Cast, data: SampleData, tally: Tally) -> str:
    """Every question of the demo, one after the other; returns the id of the one that was denied to the hotels."""
    bank_asks_ngo(cast, data, tally)
    hotel_asks_ngo(cast, data, tally)
    ngo_asks_hotel(cast, data, tally)
    ngo_only_counts(cast, data, tally)
    ngo_learns_silently(cast, data, tally)
    power_cut(cast, data, tally)
    return noes(cast, tally)


def bank_asks_ngo(cast: Cast, data: SampleData, tally: Tally) -> None:
    """Payment screening."""
    chapter("1. The bank asks the NGO: which of our customers' accounts did victims report to you?")
    match = Question(cast.bank, "customer-accounts", "haven/reported-accounts", "AB-2026-114").ask()
    show_hits("Accounts", "customers", match, data.planted.accounts_at_bank, tally)
    say("The bank learned which of its own accounts these are. The NGO knows that it was asked, no more.")


def hotel_asks_ngo(cast: Cast, data: SampleData, tally: Tally) -> None:
    """A check before hiring through an agency."""
    chapter(
        f"2. The hotels ask the NGO: {APPLICANTS} agencies want to work for us; do you suspect any of their numbers?"
    )
    match = Question(cast.hotel, "applicant-phones", "haven/suspect-phones", "HH-31").ask()
    show_hits("Telephone numbers", "applications", match, data.planted.suspects_among_applicants, tally)
    say(
        "The hotels learned which applicants to look at twice. The NGO did not learn whom they consider. A match is "
        "never a proof: a number may have had another owner, or be a victim's."
    )


def ngo_asks_hotel(cast: Cast, data: SampleData, tally: Tally) -> None:
    """Four kinds of detail out of one table, asked at the same time."""
    chapter(f"3. The NGO asks the hotels: do details on our four lists belong to any of your {AGENCIES} agencies?")
    planted = data.planted
    asked = [
        (about, file, Question(cast.ngo, file, f"harbour-hotels/{dataset}", "H-80").ask(), lines)
        for about, file, dataset, lines in (
            ("Numbers that called the hotline", "hotline-phones", "agency-phones", planted.callers_at_agencies),
            ("Reported accounts", "reported-accounts", "agency-accounts", planted.accounts_at_agencies),
            ("E-mail addresses in adverts", "advert-emails", "agency-emails", planted.adverts_at_agencies),
            ("Companies named by victims", "reported-companies", "agency-companies", planted.companies_at_agencies),
        )
    ]
    for about, file, match, lines in asked:
        show_hits(about, file, match, lines, tally)
    say(
        "The NGO learned which of its own entries these are. The hotels did not learn who called, nor whom it protects."
    )


def ngo_only_counts(cast: Cast, data: SampleData, tally: Tally) -> None:
    """How many, and not which."""
    chapter("4. The NGO asks the bank only HOW MANY e-mail addresses in adverts belong to its customers.")
    match = Question(cast.ngo, "advert-emails", "albion-bank/customer-emails", "H-79", mode="cardinality").ask()
    planted = len(data.planted.adverts_at_bank)
    told = answered("The count", match, tally).summary.hits
    tally.count_number(told, planted)
    say(f"Addresses: planted {planted}, told {told} (rounded to tens), and none of them by name.")
    say("The NGO learned a number, and not which addresses they are. The bank learned only that it was asked.")


def ngo_learns_silently(cast: Cast, data: SampleData, tally: Tally) -> None:
    """A silent hit: the hotels let their applicants be tested, and only the owner of the watched numbers learns."""
    chapter("5. A silent match: the hotels let the NGO compare the applicants with numbers that it watches in secret.")
    question = Question(
        cast.hotel, "applicant-phones", "haven/watched-phones", "HH-32", result_to="owner", sensitivity="ordinary"
    )
    match = question.ask()
    hotels = answered("The silent match", match, tally)
    planted = data.planted.watched_among_applicants
    show_hits("Watched numbers", "watched-phones", Match(cast.ngo.node, match.id), planted, tally)
    told = "nothing" if hotels.summary.hits is None and not hotels.hits else "something"
    tally.expect(told == "nothing", "The hotels learned something from the silent match.")
    say(f"The NGO learned which of its watched numbers apply for work. The hotels were told {told}: not even how many.")


def power_cut(cast: Cast, data: SampleData, tally: Tally) -> None:
    """The answering node is killed in the middle."""
    chapter("6. The NGO asks the bank which hotline numbers are its customers', and the bank's machine dies meanwhile.")
    question = Question(cast.ngo, "hotline-phones", "albion-bank/customer-phones", "H-77")
    match = question.ask()
    ended = kill_in_the_middle(cast.federation, cast.bank, match)
    say(
        f'The bank\'s process was killed without warning while they compared (state "{ended.state_when_killed}"). '
        f"Started again, it was back after {ended.restart_seconds:.1f} s."
    )
    asker, answerer = ended.asker.summary, ended.answerer.summary
    sides = f"NGO: {asker.state}. Bank: {answerer.state}. Log: {asker.outcome}."
    tally.expect(ended.agreed, f"After the power cut the sides disagree. {sides}")
    if ended.completed:
        say(f"It had just finished, and all agree on that. {sides}")
    else:
        tally.expect(not ended.asker.hits, "Something was released of a match that was cut off.")
        say(f"All agree that it was cut off, and nothing was released of it. {sides} So the NGO asks again:")
        match = question.ask()
    show_hits("Hotline numbers", "hotline-phones", match, data.planted.callers_at_bank, tally)
    say("The NGO learned which callers bank there, and can warn them. The bank did not learn that any of them called.")


def noes(cast: Cast, tally: Tally) -> str:
    """What is not permitted: hidden, denied by the federation's rules, refused by the owner of the data."""
    chapter("7. What nobody may ask.")
    say("The bank asks the NGO which customers called the victims' hotline.")
    match = Question(cast.bank, "customer-phones", "haven/hotline-phones", "AB-2026-115").ask()
    tally.denied += show_no(match, "denied", tally)
    say(f"The hotels ask about all {AGENCIES} agencies at once, instead of those that they are about to hire.")
    denied = Question(cast.hotel, "agency-phones", "haven/suspect-phones", "HH-33").ask()
    tally.denied += show_no(denied, "denied", tally)
    say("The NGO asks the bank about accounts, which their agreement does not mention.")
    match = Question(cast.ngo, "reported-accounts", "albion-bank/customer-accounts", "H-78").ask()
    tally.refused += show_no(match, "refused", tally)
    shown = [entry for entry in cast.hotel.node.catalogue() if entry.owner == cast.bank.member.partner]
    tally.expect(not shown, "The hotels were shown a list of the bank.")
    say(
        f"The hotels look for lists of the bank that they could ask about: {len(shown)} are shown. What is found at a "
        "bank is never told to a hotel, so the rules do not even let them see that there is something to ask."
    )
    return denied.id


def inspected(cast: Cast, inspection: Inspection, denied: str, tally: Tally) -> None:
    """The regulator checks the log, and catches two forgeries of it."""
    chapter("8. The regulator checks the log at its own desk: files only, no network, nobody to believe.")
    inspection.receive(cast)
    steps = inspection.verify()
    tally.verified = True
    tally.log_size = inspection.log_size
    names = ", ".join(step["name"] for step in steps)
    say(f"The real log has {tally.log_size} entries and passes all {len(steps)} checks: {names}.")
    say(
        "The regulator learned which organisation asked which other one about what kind of data, why, under which "
        "rules, and how it ended. It saw no telephone number, no account and no person, nor how many were found."
    )
    entry = inspection.opening_of(denied, cast.hotel.member.partner)
    chapter("9. Somebody tampers: the denied question of the hotels is to vanish from a copy of the log.")
    changed = f"One character of entry {entry} is changed."
    _forged(changed, inspection.catch_changed(entry), tally)
    rewritten = f"The broker takes entry {entry} out, computes everything anew and signs it again with its own key."
    _forged(rewritten, inspection.catch_rewritten(entry), tally)
    inspection.verify()
    say(
        "The real log still passes. The forged one lacks what the broker cannot make: the signatures of the "
        "regulator and the university."
    )


def _forged(deed: str, caught: str | None, tally: Tally) -> None:
    tally.expect(caught is not None, f"A forged log was not caught: {deed}")
    say(f"{deed} The regulator's check: {caught or 'PASSED, which must not be'}.")


def broker_saw_nothing(cast: Cast, data: SampleData, tally: Tally) -> None:
    """The planted identifiers are in no file of the broker."""
    planted = planted_spellings(data)
    root = cast.federation.root
    seen = seen_by(root / "broker", root / "broker.log", planted)
    tally.expect(seen == 0, f"{seen} identifiers were found at the broker.")
    chapter("10. And the broker, through which every message went?")
    say(
        f"All its files were searched for the {len(planted)} planted details: {seen} found. What it carried was sealed."
    )


def in_short(tally: Tally) -> None:
    """Who knows what now."""
    chapter("In short")
    say(
        f"Of {tally.expected_hits} planted details {tally.hits - tally.false_hits} were found, and {tally.false_hits} "
        "that were not planted. Each was told to one side only: the bank knows which of its accounts were reported, "
        "the hotels which applicants to look at twice, the NGO which of its callers, adverts and companies lead to a "
        "bank or an agency. Nobody saw another's list. "
        f"{tally.denied} questions were denied and {tally.refused} was refused, and the log has them all."
    )
