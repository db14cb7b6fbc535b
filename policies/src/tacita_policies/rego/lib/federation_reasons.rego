# METADATA
# title: Why the federation does not permit a match
# description: Sentences for the person who asked. Each names the first step at which nothing was found.
package tacita.lib.federation_reasons

import data.tacita.lib.basis
import data.tacita.lib.cardinality
import data.tacita.lib.federation
import data.tacita.lib.sensitivity
import rego.v1

requester_one := data.tacita.partner_kinds[input.requester.kind].one

responder_one := data.tacita.partner_kinds[input.responder.kind].one

identifiers := data.tacita.identifier_kinds[input.dataset.kind].many

purpose := data.tacita.purposes[input.purpose].title

legal_basis := basis.title(input.legal_basis)

reasons contains sensitivity.reasons[_]

reasons contains cardinality.reasons[_]

reasons contains {
	"code": "same-partner",
	"message": "A partner cannot ask itself.",
} if {
	not federation.different_partners
}

reasons contains {
	"code": "not-the-owner",
	"message": "Only the owner of a dataset can answer about it.",
} if {
	not federation.owner_answers
}

reasons contains {
	"code": "own-set-does-not-fit",
	"message": "The own set that would be tested is not one of the partner who asks, of the same kind, for a match in which the other side learns.",
} if {
	not federation.own_set_fits
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
	not basis.known(input.legal_basis)
}

reasons contains {
	"code": "legal-basis-not-in-force",
	"message": sprintf("The legal basis \"%s\" is not law at this time.", [legal_basis]),
} if {
	basis.known(input.legal_basis)
	not basis.in_force(input.legal_basis, input.time)
}

reasons contains {
	"code": "legal-basis-not-for-requester",
	"message": sprintf("The legal basis \"%s\" does not hold in any country of the partner who asks.", [legal_basis]),
} if {
	basis.known(input.legal_basis)
	not basis.holds_in_one(input.legal_basis, input.requester.jurisdictions)
}

reasons contains {
	"code": "legal-basis-not-for-data",
	"message": sprintf("The legal basis \"%s\" does not hold in every country that this dataset comes from.", [legal_basis]),
} if {
	basis.known(input.legal_basis)
	not basis.holds_in_each(input.legal_basis, input.dataset.jurisdictions)
}

reasons contains {
	"code": "legal-basis-not-for-tested",
	"message": sprintf("The legal basis \"%s\" does not hold in every country that the own set comes from.", [legal_basis]),
} if {
	basis.known(input.legal_basis)
	input.tested != null
	not basis.holds_in_each(input.legal_basis, input.tested.jurisdictions)
}

reasons contains reason if {
	basis.known(input.legal_basis)
	some [party, whom] in [[input.requester, "the partner who asks"], [input.responder, "the owner of the data"]]
	some reason in basis.credential_reasons(input.legal_basis, party, whom, input.time)
}

reasons contains {
	"code": "partners-do-not-match",
	"message": sprintf("In this federation %s may not ask %s.", [requester_one, responder_one]),
} if {
	count(federation.fitting_parties) == 0
}

reasons contains {
	"code": "purpose-not-allowed",
	"message": sprintf("In this federation %s may not ask %s for the purpose of %s.", [requester_one, responder_one, purpose]),
} if {
	count(federation.fitting_parties) > 0
	count(federation.fitting_purpose) == 0
}

reasons contains {
	"code": "kind-not-allowed",
	"message": sprintf("For this purpose %s may not ask %s about %s.", [requester_one, responder_one, identifiers]),
} if {
	count(federation.fitting_purpose) > 0
	count(federation.fitting_kind) == 0
}

reasons contains {
	"code": "sensitivity-not-allowed",
	"message": sprintf("Data of this sensitivity is not open to %s for this purpose.", [requester_one]),
} if {
	count(federation.fitting_kind) > 0
	count(federation.fitting_sensitivity) == 0
}

reasons contains {
	"code": "tested-not-allowed",
	"message": sprintf("A set of this sensitivity may not be tested by %s for this purpose.", [responder_one]),
} if {
	count(federation.fitting_sensitivity) > 0
	count(federation.fitting_tested) == 0
}

reasons contains {
	"code": "legal-basis-not-allowed",
	"message": sprintf("The legal basis \"%s\" is not accepted for this purpose.", [legal_basis]),
} if {
	basis.known(input.legal_basis)
	count(federation.fitting_tested) > 0
	count(federation.fitting_basis) == 0
}

reasons contains {
	"code": "form-not-allowed",
	"message": "A match of this form, with this side learning the result, is not allowed here.",
} if {
	count(federation.fitting_basis) > 0
	count(federation.fitting_form) == 0
}

reasons contains {
	"code": "too-many-elements",
	"message": sprintf("One match of this kind may test at most %d identifiers (padding included).", [max([row.max_elements | some row in federation.fitting_form])]),
} if {
	count(federation.fitting_form) > 0
	count(federation.fitting) == 0
}

reasons contains {
	"code": "no-engine",
	"message": "None of the matching methods that were offered is allowed for this data.",
} if {
	sensitivity.satisfied
	count(federation.engines) == 0
}
