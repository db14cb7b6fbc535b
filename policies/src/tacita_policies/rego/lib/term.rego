# METADATA
# title: Whether a term of an agreement could ever serve a match
# description: >-
#   A term permits nothing by itself: every match under it is decided anew. But nobody signs what the federation would
#   never allow. Each purpose needs a legal basis of the term, each basis a purpose, and each form of match a row of the
#   matrix. What the node does not know of the other party's dataset is left to the decision about the match.
package tacita.lib.term

import data.tacita.lib.basis
import rego.v1

permitted(term) if {
	count(pairs(term)) == 1
	every purpose in term.purposes { count(rows_for(term, [purpose], codes(term))) > 0 }
	every code in codes(term) {
		lawful(term, code)
		count(rows_for(term, term.purposes, [code])) > 0
	}
	every legal_basis in term.legal_bases { basis.documented(legal_basis.code, legal_basis.documents) }
	every mode in term.modes { form_permitted(term, [mode], term.result_to) }
	every side in term.result_to { form_permitted(term, term.modes, [side]) }
	every engine in term.engines { engine in engines(term) }
}

# The owner of the dataset and the partner who may ask: one pair, none if the owner is no party.

pairs(term) := [[owner.party, asker.party] |
	some [owner, asker] in [[input.own, input.peer], [input.peer, input.own]]
	owner.party.partner == term.owner
]

codes(term) := [legal_basis.code | some legal_basis in term.legal_bases]

lawful(term, code) if {
	basis.known(code)
	basis.in_force(code, input.time)
	every pair in pairs(term) {
		basis.holds_in_one(code, pair[1].jurisdictions)
		every party in pair { basis.eligible(code, party, input.time) }
	}
	holds_for_data(term, code)
}

holds_for_data(term, _) if term.jurisdictions == null

holds_for_data(term, code) if {
	term.jurisdictions != null
	basis.holds_in_each(code, term.jurisdictions)
}

# Rows of the matrix by how far they fit.

rows_of_parties(term) := [row |
	some [owner, asker] in pairs(term)
	some row in data.tacita.matrix
	asker.kind in row.requester_kinds
	owner.kind in row.responder_kinds
]

rows_of_class(term) := [row | some row in rows_of_parties(term); input.class in row.classes]

rows_of_kind(term) := [row | some row in rows_of_class(term); term.kind in row.kinds]

rows(term) := [row | some row in rows_of_kind(term); sensitivity_fits(term, row)]

rows_for(term, purposes, codes) := [row |
	some row in rows(term)
	some purpose in purposes
	purpose in row.purposes
	some code in codes
	code in row.legal_bases
]

sensitivity_fits(term, _) if term.sensitivity == null

sensitivity_fits(term, row) if term.sensitivity in row.sensitivities

# What the sensitivity permits; where it is not known, what any sensitivity does.

demands(term) := [rules | some rules in data.tacita.sensitivities] if term.sensitivity == null

demands(term) := [data.tacita.sensitivities[term.sensitivity]] if term.sensitivity != null

engines(term) := {engine |
	some rules in demands(term)
	some engine in rules.engines
	engine in data.tacita.budgets.classes[input.class].engines
}

form_permitted(term, modes, sides) if {
	some mode in modes
	some side in sides
	side in sides_of_mode[mode]
	some rules in demands(term)
	mode in rules.modes
	side in rules.result_to
	some row in rows_for(term, term.purposes, codes(term))
	every needed in {mode, "intersection"} { needed in row.modes }
	side in row.result_to
}

# A count goes to the asker only.
sides_of_mode := {"intersection": ["requester", "owner", "both"], "cardinality": ["requester"]}
