# METADATA
# title: Why a term of an agreement is not permitted
# description: Sentences for the person who would sign. They name no dataset, so one sentence may stand for several terms.
package tacita.lib.term_reasons

import data.tacita.lib.basis
import data.tacita.lib.term
import rego.v1

asker_one(asked) := data.tacita.partner_kinds[term.pairs(asked)[0][1].kind].one

owner_one(asked) := data.tacita.partner_kinds[term.pairs(asked)[0][0].kind].one

reasons contains {
	"code": "owner-is-no-party",
	"message": "A term is about a dataset of neither party.",
} if {
	some asked in input.terms
	count(term.pairs(asked)) == 0
}

reasons contains {
	"code": "partners-do-not-match",
	"message": sprintf("In this federation %s may not ask %s.", [asker_one(asked), owner_one(asked)]),
} if {
	some asked in input.terms
	count(term.pairs(asked)) > 0
	count(term.rows_of_parties(asked)) == 0
}

reasons contains {
	"code": "class-not-allowed",
	"message": sprintf("An agreement of this class does not serve what %s may ask %s.", [asker_one(asked), owner_one(asked)]),
} if {
	some asked in input.terms
	count(term.rows_of_parties(asked)) > 0
	count(term.rows_of_class(asked)) == 0
}

reasons contains {
	"code": "kind-not-allowed",
	"message": sprintf("In this federation %s may not ask %s about %s.", [asker_one(asked), owner_one(asked), data.tacita.identifier_kinds[asked.kind].many]),
} if {
	some asked in input.terms
	count(term.rows_of_class(asked)) > 0
	count(term.rows_of_kind(asked)) == 0
}

reasons contains {
	"code": "sensitivity-not-allowed",
	"message": sprintf("Data of this sensitivity is not open to %s.", [asker_one(asked)]),
} if {
	some asked in input.terms
	count(term.rows_of_kind(asked)) > 0
	count(term.rows(asked)) == 0
}

reasons contains {
	"code": "unknown-purpose",
	"message": "This federation does not know one of the purposes.",
} if {
	some asked in input.terms
	some purpose in asked.purposes
	not data.tacita.purposes[purpose]
}

reasons contains {
	"code": "purpose-not-allowed",
	"message": sprintf("In this federation %s may not ask %s for the purpose of %s on these legal bases.", [asker_one(asked), owner_one(asked), data.tacita.purposes[purpose].title]),
} if {
	some asked in input.terms
	count(term.rows(asked)) > 0
	some purpose in asked.purposes
	count(term.rows_for(asked, [purpose], term.codes(asked))) == 0
}

reasons contains {
	"code": "unknown-legal-basis",
	"message": "This federation does not know one of the legal bases.",
} if {
	some asked in input.terms
	some code in term.codes(asked)
	not basis.known(code)
}

reasons contains {
	"code": "legal-basis-not-allowed",
	"message": sprintf("The legal basis \"%s\" is not accepted for these purposes.", [basis.title(code)]),
} if {
	some asked in input.terms
	count(term.rows(asked)) > 0
	some code in term.codes(asked)
	count(term.rows_for(asked, asked.purposes, [code])) == 0
}

reasons contains {
	"code": "legal-basis-not-in-force",
	"message": sprintf("The legal basis \"%s\" is not law at this time.", [basis.title(code)]),
} if {
	some asked in input.terms
	some code in term.codes(asked)
	basis.known(code)
	not basis.in_force(code, input.time)
}

reasons contains {
	"code": "legal-basis-not-for-data",
	"message": sprintf("The legal basis \"%s\" does not hold in every country that a dataset comes from.", [basis.title(code)]),
} if {
	some asked in input.terms
	some code in term.codes(asked)
	basis.known(code)
	not term.holds_for_data(asked, code)
}

reasons contains reason if {
	some asked in input.terms
	some code in term.codes(asked)
	basis.known(code)
	some [owner, asker] in term.pairs(asked)
	some reason in (basis.place_reasons(code, asker, "the partner who may ask") | credentials(code, owner, asker))
}

credentials(code, owner, asker) := owners | askers if {
	owners := basis.credential_reasons(code, owner, "the owner of the data", input.time)
	askers := basis.credential_reasons(code, asker, "the partner who may ask", input.time)
}

reasons contains {
	"code": "documents-missing",
	"message": sprintf("The agreement must name, for the legal basis \"%s\": %s.", [basis.title(legal_basis.code), basis.demanded(legal_basis.code)]),
} if {
	some asked in input.terms
	some legal_basis in asked.legal_bases
	basis.known(legal_basis.code)
	not basis.documented(legal_basis.code, legal_basis.documents)
}

reasons contains {
	"code": "possible-victim-owner-only",
	"message": "A dataset names possible victims: only its owner may learn of a match.",
} if {
	some asked in input.terms
	asked.sensitivity == "possible-victim"
	some side in asked.result_to
	side != "owner"
}

reasons contains {
	"code": "form-not-allowed",
	"message": "A match of one of these forms, with one of these sides learning the result, is not allowed here.",
} if {
	some asked in input.terms
	count(term.rows_for(asked, asked.purposes, term.codes(asked))) > 0
	not every_form_permitted(asked)
}

every_form_permitted(asked) if {
	every mode in asked.modes { term.form_permitted(asked, [mode], asked.result_to) }
	every side in asked.result_to { term.form_permitted(asked, asked.modes, [side]) }
}

reasons contains {
	"code": "engine-not-allowed",
	"message": "One of the matching methods is not allowed for this data or this class of agreement.",
} if {
	data.tacita.budgets.classes[input.class]
	some asked in input.terms
	some engine in asked.engines
	not engine in term.engines(asked)
}
