"""Who may do what: users, roles, sessions, tokens, second factors, signatures.

`door.Door` is what a network API asks; `desk.UserDesk` changes users; the rest are their parts.
"""
