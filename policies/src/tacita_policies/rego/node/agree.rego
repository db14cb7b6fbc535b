# METADATA
# title: May this node sign this agreement?
# description: >-
#   Asked before a node proposes and before it signs. The class's limits (data/budgets.json) hold, people on both sides have
#   approved, and every term could serve some match.
package tacita.node.agree

import data.tacita.lib.answer
import data.tacita.lib.term
import data.tacita.lib.term_reasons
import rego.v1

default allow := false

allow if {
	different_partners
	class
	period_short_enough
	not_over
	cap_low_enough
	counted_long_enough
	rate_fits
	approved
	count(common_approvers) == 0
	every one in input.terms { term.permitted(one) }
}

decision := answer.permission(allow, reasons | term_reasons.reasons)

class := data.tacita.budgets.classes[input.class]

different_partners if input.own.party.partner != input.peer.party.partner

period_short_enough if input.not_after - input.not_before <= class.valid_days * 86400

not_over if input.time < input.not_after

cap_low_enough if input.caps.units <= class.units

counted_long_enough if input.caps.period_days >= class.period_days

rate_fits if {
	class.rate == false
	input.caps.per_minute == null
}

rate_fits if {
	class.rate == true
	is_number(input.caps.per_minute)
	input.caps.per_minute <= class.max_per_minute
}

approved if {
	every side in [input.own, input.peer] {
		count({person | some person in side.approved_by}) >= class.approvers
	}
}

# The same reference on both sides would be one person approving twice.
common_approvers := {person |
	some person in input.own.approved_by
	person in input.peer.approved_by
}

reasons contains {
	"code": "same-partner",
	"message": "A partner cannot agree with itself.",
} if {
	not different_partners
}

reasons contains {
	"code": "period-too-long",
	"message": sprintf("An agreement of this class holds for at most %d days.", [class.valid_days]),
} if {
	not period_short_enough
}

reasons contains {
	"code": "agreement-ended",
	"message": "The agreement would have ended already.",
} if {
	not not_over
}

reasons contains {
	"code": "cap-too-high",
	"message": sprintf("An agreement of this class allows at most %d units.", [class.units]),
} if {
	not cap_low_enough
}

reasons contains {
	"code": "cap-period-too-short",
	"message": sprintf("The cap of an agreement of this class counts over at least %d days.", [class.period_days]),
} if {
	not counted_long_enough
}

reasons contains {
	"code": "rate-missing",
	"message": "An agreement of this class names a peak rate.",
} if {
	class.rate == true
	input.caps.per_minute == null
}

reasons contains {
	"code": "rate-too-high",
	"message": sprintf("The peak rate of an agreement of this class is at most %d units in a minute.", [class.max_per_minute]),
} if {
	class.rate == true
	input.caps.per_minute > class.max_per_minute
}

reasons contains {
	"code": "rate-not-of-this-class",
	"message": "An agreement of this class has no peak rate.",
} if {
	class.rate == false
	input.caps.per_minute != null
}

reasons contains {
	"code": "approvers-missing",
	"message": sprintf("An agreement of this class needs at least %d person or persons on each side who approved it.", [class.approvers]),
} if {
	not approved
}

reasons contains {
	"code": "approvers-on-both-sides",
	"message": "The same person is named as approving for both sides.",
} if {
	count(common_approvers) > 0
}
