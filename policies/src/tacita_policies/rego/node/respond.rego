# METADATA
# title: Does this data owner agree to answer?
# description: >-
#   Asked by the owner's node for every granted request, whatever the broker decided; and, before an own set is tested
#   (`input.tested`), by the node of the partner who asks. It demands what the federation demands, and an agreement that
#   both have signed and that covers the request.
package tacita.node.respond

import data.tacita.lib.agreement
import data.tacita.lib.answer
import data.tacita.lib.federation
import data.tacita.lib.federation_reasons
import rego.v1

default allow := false

allow if {
	federation.permitted
	agreement.covering
}

decision := answer.given(allow, reasons, obligations)

reasons := federation_reasons.reasons | agreement.reasons

default obligations := {}

obligations := agreement.narrowed(federation.obligations)
