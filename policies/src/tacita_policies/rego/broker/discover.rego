# METADATA
# title: May this partner know that the dataset exists?
# description: >-
#   Asked by the broker for every dataset of the catalogue and for every request. The owner sees its own. Others see what
#   the owner shows to their kind, if some row of the matrix could ever allow them to ask about it; so a dataset that
#   names possible victims is seen only by those who may ask while its owner alone learns.
package tacita.broker.discover

import data.tacita.lib.answer
import rego.v1

default allow := false

allow if {
	belongs
	input.asker.partner == input.owner.partner
}

allow if {
	belongs
	shown
	count(possible) > 0
}

decision := answer.permission(allow, reasons)

belongs if input.dataset.owner == input.owner.partner

shown if input.asker.partner == input.owner.partner

shown if input.asker.kind in input.dataset.discoverable_by

demands := data.tacita.sensitivities[input.dataset.sensitivity]

possible := [row |
	some row in data.tacita.matrix
	input.asker.kind in row.requester_kinds
	input.owner.kind in row.responder_kinds
	input.dataset.kind in row.kinds
	input.dataset.sensitivity in row.sensitivities
	some mode in row.modes
	mode in demands.modes
	some side in row.result_to
	side in demands.result_to
]

reasons contains {
	"code": "not-the-owner",
	"message": "Only the owner of a dataset can offer it.",
} if {
	not belongs
}

reasons contains {
	"code": "not-shown",
	"message": sprintf("The owner does not show this dataset to %s.", [data.tacita.partner_kinds[input.asker.kind].many]),
} if {
	not shown
}

reasons contains {
	"code": "never-to-be-asked",
	"message": sprintf("In this federation %s may never ask %s about this kind of data.", [data.tacita.partner_kinds[input.asker.kind].one, data.tacita.partner_kinds[input.owner.kind].one]),
} if {
	input.asker.partner != input.owner.partner
	count(possible) == 0
}
