# METADATA
# title: Whether an agreement between the two partners covers the request
# description: >-
#   The input holds the agreement's term about this dataset, or null where there is none (or none that covers it). What its
#   class limits is read from data/budgets.json.
package tacita.lib.agreement

import data.tacita.lib.basis
import data.tacita.lib.federation
import rego.v1

default covering := false

covering if {
	input.agreement != null
	begun
	not_ended
	within_term
	class_fits
	within_caps
	within_class
	documented
	count(common_engines) > 0
}

default absent_or_covering := false

absent_or_covering if input.agreement == null

absent_or_covering if covering

begun if input.time >= input.agreement.not_before

not_ended if input.time < input.agreement.not_after

within_term if {
	input.purpose in input.agreement.purposes
	input.legal_basis in input.agreement.legal_bases
	input.mode in input.agreement.modes
	input.result_to in input.agreement.result_to
}

class := data.tacita.budgets.classes[input.agreement.class]

class_fits if {
	some row in federation.fitting
	input.agreement.class in row.classes
}

# The cap is on what a receiver may evaluate. When only the owner learns, that is limited by `max_elements` below.
within_caps if input.result_to == "owner"

within_caps if input.padded_count <= input.agreement.caps.units

within_class if {
	at_most(input.padded_count, class.max_elements)
	at_most(input.history.matches_30d + 1, class.matches_30d)
}

at_most(_, limit) if limit == null

at_most(number, limit) if {
	is_number(limit)
	number <= limit
}

documented if basis.documented(input.legal_basis, input.agreement.documents)

common_engines := [engine |
	some engine in federation.engines
	engine in input.agreement.engines
	engine in class.engines
]

# What is permitted, reduced to what the agreement says too.
narrowed(obligations) := object.union(obligations, {
	"modes": [mode | some mode in obligations.modes; mode in input.agreement.modes],
	"engines": [engine | some engine in obligations.engines; engine in common_engines],
	"result_to": [side | some side in obligations.result_to; side in input.agreement.result_to],
	"max_elements": min([obligations.max_elements, input.agreement.caps.units]),
})

reasons contains {
	"code": "no-agreement",
	"message": "There is no agreement between the two partners that covers this match.",
} if {
	input.agreement == null
}

reasons contains reasons_if_known[_]

reasons_if_known contains {
	"code": "agreement-not-begun",
	"message": "The agreement between the two partners has not begun yet.",
} if {
	input.agreement != null
	not begun
}

reasons_if_known contains {
	"code": "agreement-ended",
	"message": "The agreement between the two partners has ended.",
} if {
	input.agreement != null
	not not_ended
}

reasons_if_known contains {
	"code": "agreement-does-not-cover",
	"message": "The agreement between the two partners does not cover this purpose, legal basis or form of match.",
} if {
	input.agreement != null
	not within_term
}

reasons_if_known contains {
	"code": "agreement-class",
	"message": "An agreement of this class does not serve this purpose.",
} if {
	input.agreement != null
	count(federation.fitting) > 0
	not class_fits
}

reasons_if_known contains {
	"code": "agreement-cap",
	"message": "The match is larger than the agreement between the two partners allows.",
} if {
	input.agreement != null
	not within_caps
}

reasons_if_known contains {
	"code": "agreement-class-limit",
	"message": "The match is larger, or one more in 30 days, than an agreement of this class allows.",
} if {
	input.agreement != null
	class
	not within_class
}

reasons_if_known contains {
	"code": "documents-missing",
	"message": sprintf("The agreement must name, for this legal basis: %s.", [basis.demanded(input.legal_basis)]),
} if {
	input.agreement != null
	basis.known(input.legal_basis)
	not documented
}

reasons_if_known contains {
	"code": "agreement-engine",
	"message": "None of the matching methods that are possible here is in the agreement between the two partners.",
} if {
	input.agreement != null
	count(federation.engines) > 0
	count(common_engines) == 0
}
