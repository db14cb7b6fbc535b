# METADATA
# title: What the federation permits
# description: >-
#   A match is permitted by a row of the matrix (data/matrix.json) and only together with a purpose and a legal basis that
#   are known and hold for both partners and the data. The reasons say which step of this found nothing.
package tacita.lib.federation

import data.tacita.lib.basis
import data.tacita.lib.cardinality
import data.tacita.lib.sensitivity
import rego.v1

default permitted := false

permitted if {
	different_partners
	owner_answers
	own_set_fits
	data.tacita.purposes[input.purpose]
	lawful
	count(fitting) > 0
	sensitivity.satisfied
	cardinality.satisfied
	count(engines) > 0
}

lawful if {
	basis.known(input.legal_basis)
	basis.in_force(input.legal_basis, input.time)
	every party in [input.requester, input.responder] { basis.eligible(input.legal_basis, party, input.time) }
	basis.holds_in_one(input.legal_basis, input.requester.jurisdictions)
	basis.holds_in_each(input.legal_basis, places)
}

# Where the data comes from: that of the owner, and the asker's own set if it is tested.

places := input.dataset.jurisdictions if input.tested == null

places := array.concat(input.dataset.jurisdictions, input.tested.jurisdictions) if input.tested != null

# Rows by how far they fit, in the order in which a person would ask.

fitting_parties := [row |
	some row in data.tacita.matrix
	input.requester.kind in row.requester_kinds
	input.responder.kind in row.responder_kinds
]

fitting_purpose := [row | some row in fitting_parties; input.purpose in row.purposes]

fitting_kind := [row | some row in fitting_purpose; input.dataset.kind in row.kinds]

fitting_sensitivity := [row | some row in fitting_kind; input.dataset.sensitivity in row.sensitivities]

fitting_tested := [row | some row in fitting_sensitivity; tested_by(row)]

fitting_basis := [row | some row in fitting_tested; input.legal_basis in row.legal_bases]

# Whoever may learn a count must be allowed to learn the hits: a dishonest asker does.
fitting_form := [row |
	some row in fitting_basis
	every mode in {input.mode, "intersection"} { mode in row.modes }
	input.result_to in row.result_to
]

fitting := [row | some row in fitting_form; input.padded_count <= row.max_elements]

tested_by(_) if input.tested == null

tested_by(row) if {
	input.tested != null
	input.tested.sensitivity in row.tested_sensitivities
}

# Obligations: the strictest of the rows that fit.

engines := [engine | some engine in input.engines; engine in sensitivity.engines]

# What the receiver may evaluate: the asker its own elements, the owner the whole list against the asker's set.

evaluated(row) := row.max_elements if input.result_to == "requester"

evaluated(row) := row.max_tested if input.result_to == "owner"

evaluated(row) := max([row.max_elements, row.max_tested]) if input.result_to == "both"

obligations := {
	"modes": [mode | some mode in sensitivity.modes; every row in fitting { mode in row.modes }],
	"engines": engines,
	"result_to": [side | some side in sensitivity.result_to; every row in fitting { side in row.result_to }],
	"max_elements": min([evaluated(row) | some row in fitting]),
	"suppress_below": 0,
	"round_to": cardinality.round_to,
	"labels": [],
	"approvals": [],
	"retention_days": min([row.retention_days | some row in fitting]),
	"expires_in": min([row.expires_in | some row in fitting]),
} if {
	count(fitting) > 0
}

# Conditions that are not in the matrix.

different_partners if input.requester.partner != input.responder.partner

owner_answers if input.dataset.owner == input.responder.partner

own_set_fits if input.tested == null

own_set_fits if {
	input.tested != null
	input.tested.owner == input.requester.partner
	input.tested.kind == input.dataset.kind
	input.result_to in ["owner", "both"]
}
