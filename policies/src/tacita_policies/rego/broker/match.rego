# METADATA
# title: May this match happen at all in this federation?
# description: >-
#   Asked by the broker for every request. Agreements are the two partners' affair: a request without one passes here and
#   is refused by the owner's node; one that is known must cover the request.
package tacita.broker.match

import data.tacita.lib.agreement
import data.tacita.lib.answer
import data.tacita.lib.federation
import data.tacita.lib.federation_reasons
import rego.v1

default allow := false

allow if {
	federation.permitted
	agreement.absent_or_covering
}

decision := answer.given(allow, reasons, obligations)

reasons := federation_reasons.reasons | agreement.reasons_if_known

default obligations := {}

obligations := federation.obligations if input.agreement == null

obligations := agreement.narrowed(federation.obligations) if input.agreement != null
