"""Alarms after ISA-18.2 / IEC 62682: definitions, states, boards, journal and figures.

An alarm asks a person for an action in a stated time; what asks for none is an event. Pure, but for
the journal, which is read from history.
"""
