# METADATA
# title: Counts instead of hits
# description: >-
#   A count shows how many identifiers two partners have in common, rounded. Whoever replaces one input and asks again
#   would see the difference, and a dishonest asker learns the hits themselves. So a count needs every permission that an
#   intersection needs, goes to the asker only, is rounded, and is given a few times for one epoch of a dataset.
package tacita.lib.cardinality

import rego.v1

default satisfied := false

satisfied if input.mode == "intersection"

satisfied if {
	input.mode == "cardinality"
	to_requester
	within_epoch
}

to_requester if input.result_to == "requester"

within_epoch if input.history.cardinality_epoch < data.tacita.budgets.cardinality.answers_per_epoch

default round_to := 1

round_to := data.tacita.budgets.cardinality.round_to if input.mode == "cardinality"

reasons contains {
	"code": "cardinality-to-requester-only",
	"message": "How many are in common may be told to the partner who asks, and to nobody else.",
} if {
	input.mode == "cardinality"
	not to_requester
}

reasons contains {
	"code": "cardinality-cap",
	"message": sprintf("How many are in common is answered at most %d times for one edition of a dataset.", [data.tacita.budgets.cardinality.answers_per_epoch]),
} if {
	input.mode == "cardinality"
	not within_epoch
}
