# METADATA
# title: The form of an answer
# description: >-
#   An allowance carries its obligations and no reason. Anything else is a denial with at least one sentence.
package tacita.lib.answer

import rego.v1

fallback := {
	"code": "not-permitted",
	"message": "No rule of this federation allows this.",
}

given(allow, reasons, obligations) := object.union(permission(allow, reasons), {"obligations": obligations}) if {
	permission(allow, reasons).allow == true
}

given(allow, reasons, _) := permission(allow, reasons) if {
	permission(allow, reasons).allow == false
}

permission(allow, reasons) := {"allow": true, "reasons": []} if {
	allow == true
	count(reasons) == 0
}

permission(_, reasons) := {"allow": false, "reasons": first([reason | some reason in reasons])} if {
	count(reasons) > 0
}

permission(allow, reasons) := {"allow": false, "reasons": [fallback]} if {
	allow != true
	count(reasons) == 0
}

# An answer has room for 16 reasons.
first(reasons) := array.slice(reasons, 0, 16)
