# METADATA
# title: What the sensitivity of a dataset demands, whoever asks
# description: Read from data/sensitivities.json. A sensitivity that is not listed there permits nothing.
package tacita.lib.sensitivity

import rego.v1

default modes := []

modes := data.tacita.sensitivities[input.dataset.sensitivity].modes

default result_to := []

result_to := data.tacita.sensitivities[input.dataset.sensitivity].result_to

default engines := []

engines := data.tacita.sensitivities[input.dataset.sensitivity].engines

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
	not input.result_to in result_to
}

reasons contains {
	"code": "sensitivity-result-to",
	"message": "For data of this sensitivity that side may not learn the result.",
} if {
	input.dataset.sensitivity != "possible-victim"
	not input.result_to in result_to
}

reasons contains {
	"code": "sensitivity-mode",
	"message": "Data of this sensitivity may not be matched in this way.",
} if {
	not input.mode in modes
}
