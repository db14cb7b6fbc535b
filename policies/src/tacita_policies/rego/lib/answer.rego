# METADATA
# title: The form of an answer
# description: >-
#   An allowance carries its obligations and no reason. Anything else is a denial with at least one sentence.
package tacita.lib.answer

import rego.v1

fallback := {
	"code": "not-permitted",
	"message": "No rule of this federation allows this match.",
}

given(allow, reasons, obligations) := {
	"allow": true,
	"reasons": [],
	"obligations": obligations,
} if {
	allow == true
	count(reasons) == 0
}

given(_, reasons, _) := {
	"allow": false,
	"reasons": [reason | some reason in reasons],
} if {
	count(reasons) > 0
}

given(allow, reasons, _) := {
	"allow": false,
	"reasons": [fallback],
} if {
	allow != true
	count(reasons) == 0
}
