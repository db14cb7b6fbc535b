# METADATA
# title: May this be told to that partner?
# description: >-
#   Asked by the node that would tell, for every label, contact, record and referral anew. A row of data/disclosures.json
#   must allow it, the stages before must have been gone through, a person must have looked, and nothing may say that a
#   suspicious-activity report exists. Approvals are demanded as obligations.
package tacita.node.disclose

import data.tacita.lib.answer
import data.tacita.lib.basis
import rego.v1

default allow := false

allow if {
	different_partners
	data.tacita.purposes[input.purpose]
	lawful
	stage_reached
	of_stage
	count(revealing) == 0
	count(fitting) > 0
}

decision := answer.given(allow, reasons, obligations)

default obligations := {}

obligations := {
	"items": input.items,
	"approvals": sort({role | some row in fitting; some role in row.approvals}),
	"retention_days": min([row.retention_days | some row in fitting]),
} if {
	count(fitting) > 0
}

different_partners if input.discloser.partner != input.recipient.partner

lawful if {
	basis.known(input.legal_basis)
	basis.in_force(input.legal_basis, input.time)
	every party in [input.discloser, input.recipient] {
		basis.holds_in_one(input.legal_basis, party.jurisdictions)
		basis.eligible(input.legal_basis, party, input.time)
	}
}

# A contact is told to somebody who has had a label, a record to somebody who has had a contact.

stage_reached if input.stage in ["label", "referral"]

stage_reached if {
	input.stage == "contact"
	"label" in input.earlier
}

stage_reached if {
	input.stage == "record"
	every stage in ["label", "contact"] { stage in input.earlier }
}

of_stage if {
	every item in input.items { data.tacita.disclosure_items.stages[input.stage][item] }
}

# Names that would tell that somebody was reported to an authority.

revealing := {item |
	some item in input.items
	says_report(item)
}

says_report(item) if {
	some part in split(replace(item, ".", "-"), "-")
	part in data.tacita.disclosure_items.reports.words
}

says_report(item) if {
	some phrase in data.tacita.disclosure_items.reports.phrases
	contains(replace(item, ".", "-"), phrase)
}

verdict := "none" if input.verdict == null

verdict := input.verdict if input.verdict != null

# Rows by how far they fit.

fitting_parties := [row |
	some row in data.tacita.disclosures
	input.discloser.kind in row.discloser_kinds
	input.recipient.kind in row.recipient_kinds
]

fitting_stage := [row | some row in fitting_parties; input.stage in row.stages]

fitting_sources := [row | some row in fitting_stage; every source in input.sources { source in row.sources }]

fitting_sensitivity := [row | some row in fitting_sources; input.sensitivity in row.sensitivities]

fitting_purpose := [row | some row in fitting_sensitivity; input.purpose in row.purposes]

fitting_basis := [row | some row in fitting_purpose; input.legal_basis in row.legal_bases]

fitting_handling := [row | some row in fitting_basis; input.handling in row.handling]

fitting_items := [row | some row in fitting_handling; every item in input.items { item in row.items }]

fitting := [row | some row in fitting_items; verdict in row.verdicts]

# Reasons.

discloser_one := data.tacita.partner_kinds[input.discloser.kind].one

recipient_one := data.tacita.partner_kinds[input.recipient.kind].one

legal_basis := basis.title(input.legal_basis)

reasons contains {
	"code": "same-partner",
	"message": "A partner cannot disclose to itself.",
} if {
	not different_partners
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

reasons contains reason if {
	basis.known(input.legal_basis)
	some [party, whom] in [[input.discloser, "the partner who tells"], [input.recipient, "the partner who is told"]]
	some reason in basis.place_reasons(input.legal_basis, party, whom) | basis.credential_reasons(input.legal_basis, party, whom, input.time)
}

reasons contains {
	"code": "stage-skipped",
	"message": "First comes a label, then a contact, then a record: this partner has not had what comes before.",
} if {
	not stage_reached
}

reasons contains {
	"code": "item-not-of-stage",
	"message": sprintf("Not all of these details belong to a %s.", [input.stage]),
} if {
	count(revealing) == 0
	not of_stage
}

reasons contains {
	"code": "reveals-report",
	"message": "Nothing may tell that a suspicious activity was reported to an authority.",
} if {
	count(revealing) > 0
}

reasons contains {
	"code": "may-not-tell",
	"message": sprintf("In this federation %s may not tell %s about a hit.", [discloser_one, recipient_one]),
} if {
	count(fitting_parties) == 0
}

reasons contains {
	"code": "stage-not-allowed",
	"message": sprintf("In this federation %s may not go as far as a %s with %s.", [discloser_one, input.stage, recipient_one]),
} if {
	count(fitting_parties) > 0
	count(fitting_stage) == 0
}

reasons contains {
	"code": "source-not-for-recipient",
	"message": sprintf("What was found with the data of these partners may not go to %s: %s.", [recipient_one, concat(", ", sources)]),
} if {
	count(fitting_stage) > 0
	count(fitting_sources) == 0
}

sources := sort([data.tacita.partner_kinds[source].many | some source in input.sources])

reasons contains {
	"code": "sensitivity-not-allowed",
	"message": sprintf("What concerns %s may not go to %s at this stage.", [data.tacita.sensitivities[input.sensitivity].title, recipient_one]),
} if {
	count(fitting_sources) > 0
	count(fitting_sensitivity) == 0
}

reasons contains {
	"code": "purpose-not-allowed",
	"message": sprintf("In this federation %s may not tell %s this for the purpose of %s.", [discloser_one, recipient_one, data.tacita.purposes[input.purpose].title]),
} if {
	count(fitting_sensitivity) > 0
	count(fitting_purpose) == 0
}

reasons contains {
	"code": "legal-basis-not-allowed",
	"message": sprintf("The legal basis \"%s\" is not accepted for this purpose.", [legal_basis]),
} if {
	count(fitting_purpose) > 0
	count(fitting_basis) == 0
}

reasons contains {
	"code": "handling-not-allowed",
	"message": "What is told here must be handled more strictly.",
} if {
	count(fitting_basis) > 0
	count(fitting_handling) == 0
}

reasons contains {
	"code": "item-not-allowed",
	"message": sprintf("Not all of these details may go to %s at this stage.", [recipient_one]),
} if {
	count(fitting_handling) > 0
	count(fitting_items) == 0
}

reasons contains {
	"code": "verdict-missing",
	"message": "Somebody must look at the hit and confirm it first.",
} if {
	count(fitting_items) > 0
	count(fitting) == 0
	verdict == "none"
}

reasons contains {
	"code": "verdict-against",
	"message": "Somebody looked at the hit and did not confirm it.",
} if {
	count(fitting_items) > 0
	count(fitting) == 0
	verdict != "none"
}
