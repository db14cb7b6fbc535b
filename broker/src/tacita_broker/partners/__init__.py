"""Enrolment, approval and look-up of partners."""
