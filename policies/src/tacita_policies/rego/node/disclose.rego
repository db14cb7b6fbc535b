package tacita.node.disclose

import rego.v1

decision := {"allow": false, "reasons": [{"code": "not-permitted", "message": "No rule allows this."}]}
