# METADATA
# title: What a legal basis demands
# description: >-
#   Read from data/legal_bases.json and data/eligibility.json: where and when it is law, which credential a partner needs,
#   which documents an agreement must name.
package tacita.lib.basis

import data.tacita.lib.calendar
import rego.v1

known(code) if data.tacita.legal_bases[code]

title(code) := data.tacita.legal_bases[code].title

in_force(code, time) if {
	calendar.start_of(data.tacita.legal_bases[code].valid_from) <= time
	not_over(data.tacita.legal_bases[code].valid_until, time)
}

not_over(day, _) if day == null

not_over(day, time) if {
	is_string(day)
	time < calendar.start_of(day) + 86400
}

countries(code) := {country |
	some place in data.tacita.legal_bases[code].jurisdictions
	some country in object.get(data.tacita.regions, place, [place])
}

holds_in_one(code, places) if {
	some country in places
	country in countries(code)
}

holds_in_each(code, places) if {
	count(places) > 0
	every country in places {
		country in countries(code)
	}
}

scheme(code) := data.tacita.eligibility[data.tacita.legal_bases[code].scheme].title

eligible(code, _, _) if data.tacita.legal_bases[code].scheme == null

eligible(code, party, time) if {
	held(code, party)
	some credential in party.credentials
	credential.scheme == data.tacita.legal_bases[code].scheme
	time < credential.valid_until
}

# The partner claims the credential, which may have expired, and is of a kind that can have it.
held(code, party) if {
	some credential in party.credentials
	credential.scheme == data.tacita.legal_bases[code].scheme
	party.kind in data.tacita.eligibility[credential.scheme].kinds
}

documented(code, documents) if count(documents) >= count(data.tacita.legal_bases[code].documents)

demanded(code) := concat(", ", [data.tacita.document_kinds[kind].title | some kind in data.tacita.legal_bases[code].documents])

# Reasons about one partner, of whom `whom` says in a sentence who it is.

place_reasons(code, party, whom) := {reason("legal-basis-not-for-partner", sprintf("The legal basis \"%s\" does not hold in any country of %s.", [title(code), whom])) |
	not holds_in_one(code, party.jurisdictions)
}

credential_reasons(code, party, whom, time) := missing | expired if {
	missing := {reason("credential-missing", sprintf("The legal basis \"%s\" needs a credential that %s does not have: %s.", [title(code), whom, scheme(code)])) |
		not eligible(code, party, time)
		not held(code, party)
	}
	expired := {reason("credential-expired", sprintf("A credential of %s has expired: %s.", [whom, scheme(code)])) |
		not eligible(code, party, time)
		held(code, party)
	}
}

reason(code, message) := {"code": code, "message": message}
