# METADATA
# title: What the sensitivity of a dataset demands, whoever asks
# description: >-
#   Read from data/sensitivities.json; a sensitivity that is not listed there permits nothing. Where the asker's own set is
#   tested it counts as well, seen from its side: there the asker is the one who holds the data.
package tacita.lib.sensitivity

import rego.v1

default asked := {"modes": [], "result_to": [], "engines": []}

asked := data.tacita.sensitivities[input.dataset.sensitivity]

default tested := {"modes": [], "result_to": [], "engines": []}

tested := asked if input.tested == null

tested := {
	"modes": rules.modes,
	"result_to": [other_side[side] | some side in rules.result_to],
	"engines": rules.engines,
} if {
	input.tested != null
	rules := data.tacita.sensitivities[input.tested.sensitivity]
}

other_side := {"requester": "owner", "owner": "requester", "both": "both"}

modes := [mode | some mode in asked.modes; mode in tested.modes]

result_to := [side | some side in asked.result_to; side in tested.result_to]

engines := [engine | some engine in asked.engines; engine in tested.engines]

default satisfied := false

satisfied if {
	input.mode in modes
	input.result_to in result_to
}

reasons contains {
	"code": "possible-victim-owner-only",
	"message": "This dataset names possible victims: only its owner may learn of a match.",
} if {
	input.dataset.sensitivity == "possible-victim"
	not input.result_to in asked.result_to
}

reasons contains {
	"code": "tested-possible-victim",
	"message": "The own set names possible victims: nobody else may learn of a match with it.",
} if {
	input.tested != null
	input.tested.sensitivity == "possible-victim"
	not input.result_to in tested.result_to
}

reasons contains {
	"code": "sensitivity-result-to",
	"message": "For data of this sensitivity that side may not learn the result.",
} if {
	not input.result_to in result_to
	not about_possible_victims
}

about_possible_victims if input.dataset.sensitivity == "possible-victim"

about_possible_victims if input.tested.sensitivity == "possible-victim"

reasons contains {
	"code": "sensitivity-mode",
	"message": "Data of this sensitivity may not be matched in this way.",
} if {
	not input.mode in modes
}
