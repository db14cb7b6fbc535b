# METADATA
# title: From a day to a second
# description: The first second (Unix time) of a day that the data writes as YYYY-MM-DD; a policy has no clock.
package tacita.lib.calendar

import rego.v1

# The days are counted from 1 March of the year 0, so that a leap day is the last of its year.
start_of(day) := ((((year * 365) + floor(year / 4)) - floor(year / 100)) + floor(year / 400) + of_year - 719469) * 86400 if {
	[written_year, written_month, written_day] := split(day, "-")
	month := to_number(trim_left(written_month, "0"))
	year := to_number(written_year) - floor((14 - month) / 12)
	of_year := floor((153 * ((month + 9) % 12) + 2) / 5) + to_number(trim_left(written_day, "0"))
}
