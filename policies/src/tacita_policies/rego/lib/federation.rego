# METADATA
# title: What the federation permits
# description: >-
#   A match is permitted by a row of the matrix (data/matrix.json) and only together with a purpose and a legal basis that
#   are known and hold in the places concerned. The reasons say which step of this found nothing.
package tacita.lib.federation

import data.tacita.lib.sensitivity
import rego.v1

default permitted := false

permitted if {
	different_partners
	owner_answers
	data.tacita.purposes[input.purpose]
	basis_known
	basis_holds_for_requester
	basis_holds_for_data
	count(fitting) > 0
	sensitivity.satisfied
	count(engines) > 0
}

# Rows by how far they fit, in the order in which a person would ask.

fitting_parties := [row |
	some row in data.tacita.matrix
	input.requester.kind in row.requester_kinds
	input.responder.kind in row.responder_kinds
]

fitting_purpose := [row | some row in fitting_parties; input.purpose in row.purposes]

fitting_kind := [row | some row in fitting_purpose; input.dataset.kind in row.kinds]

fitting_sensitivity := [row | some row in fitting_kind; input.dataset.sensitivity in row.sensitivities]

fitting_basis := [row | some row in fitting_sensitivity; input.legal_basis in row.legal_bases]

fitting_form := [row |
	some row in fitting_basis
	input.mode in row.modes
	input.result_to in row.result_to
]

fitting := [row | some row in fitting_form; input.padded_count <= row.max_elements]

# Obligations: the strictest of the rows that fit.

engines := [engine | some engine in input.engines; engine in sensitivity.engines]

obligations := {
	"modes": [mode | some mode in sensitivity.modes; every row in fitting { mode in row.modes }],
	"engines": engines,
	"result_to": [side | some side in sensitivity.result_to; every row in fitting { side in row.result_to }],
	"max_elements": min([row.max_elements | some row in fitting]),
	"suppress_below": 0,
	"round_to": 1,
	"labels": [],
	"approvals": [],
	"retention_days": min([row.retention_days | some row in fitting]),
	"expires_in": min([row.expires_in | some row in fitting]),
} if {
	count(fitting) > 0
}

# Conditions that are not in the matrix.

different_partners if {
	input.requester.partner != input.responder.partner
}

owner_answers if {
	input.dataset.owner == input.responder.partner
}

basis_known if {
	data.tacita.legal_bases[input.legal_basis]
}

basis_holds_for_requester if {
	some country in input.requester.jurisdictions
	country in data.tacita.legal_bases[input.legal_basis].jurisdictions
}

basis_holds_for_data if {
	count(input.dataset.jurisdictions) > 0
	every country in input.dataset.jurisdictions {
		country in data.tacita.legal_bases[input.legal_basis].jurisdictions
	}
}

# Reasons: sentences for the person who asked.

requester_one := data.tacita.partner_kinds[input.requester.kind].one

responder_one := data.tacita.partner_kinds[input.responder.kind].one

identifiers := data.tacita.identifier_kinds[input.dataset.kind].many

purpose := data.tacita.purposes[input.purpose].title

basis := data.tacita.legal_bases[input.legal_basis].title

reasons contains {
	"code": "same-partner",
	"message": "A partner cannot ask itself.",
} if {
	not different_partners
}

reasons contains {
	"code": "not-the-owner",
	"message": "Only the owner of a dataset can answer about it.",
} if {
	not owner_answers
}

reasons contains {
	"code": "unknown-purpose",
	"message": "This federation does not know the purpose that was given.",
} if {
	not data.tacita.purposes[input.purpose]
}

reasons contains {
	"code": "unknown-legal-basis",
	"message": "This federation does not know the legal basis that was given.",
} if {
	not basis_known
}

reasons contains {
	"code": "legal-basis-not-for-requester",
	"message": sprintf("The legal basis \"%s\" does not hold in any country of the partner who asks.", [basis]),
} if {
	basis_known
	not basis_holds_for_requester
}

reasons contains {
	"code": "legal-basis-not-for-data",
	"message": sprintf("The legal basis \"%s\" does not hold in every country that this dataset comes from.", [basis]),
} if {
	basis_known
	not basis_holds_for_data
}

reasons contains {
	"code": "partners-do-not-match",
	"message": sprintf("In this federation %s may not ask %s.", [requester_one, responder_one]),
} if {
	count(fitting_parties) == 0
}

reasons contains {
	"code": "purpose-not-allowed",
	"message": sprintf("In this federation %s may not ask %s for the purpose of %s.", [requester_one, responder_one, purpose]),
} if {
	count(fitting_parties) > 0
	count(fitting_purpose) == 0
}

reasons contains {
	"code": "kind-not-allowed",
	"message": sprintf("For this purpose %s may not ask %s about %s.", [requester_one, responder_one, identifiers]),
} if {
	count(fitting_purpose) > 0
	count(fitting_kind) == 0
}

reasons contains {
	"code": "sensitivity-not-allowed",
	"message": sprintf("Data of this sensitivity is not open to %s for this purpose.", [requester_one]),
} if {
	count(fitting_kind) > 0
	count(fitting_sensitivity) == 0
}

reasons contains {
	"code": "legal-basis-not-allowed",
	"message": sprintf("The legal basis \"%s\" is not accepted for this purpose.", [basis]),
} if {
	basis_known
	count(fitting_sensitivity) > 0
	count(fitting_basis) == 0
}

reasons contains {
	"code": "form-not-allowed",
	"message": "A match of this form, with this side learning the result, is not allowed here.",
} if {
	count(fitting_basis) > 0
	count(fitting_form) == 0
}

reasons contains {
	"code": "too-many-elements",
	"message": sprintf("One match of this kind may test at most %d identifiers (padding included).", [max([row.max_elements | some row in fitting_form])]),
} if {
	count(fitting_form) > 0
	count(fitting) == 0
}

reasons contains sensitivity.reasons[_]

reasons contains {
	"code": "no-engine",
	"message": "None of the matching methods that were offered is allowed for this data.",
} if {
	sensitivity.satisfied
	count(engines) == 0
}
