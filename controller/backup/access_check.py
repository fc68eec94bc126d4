"""Damage in the store of users and in the audit trail."""

import json
import sqlite3
from pathlib import Path

from controller.access.database import ADDED, APPLICATION_ID, VERSION
from controller.access.roles import Role
from controller.audit.anchor import default_anchor
from controller.audit.check import check
from controller.backup.archive import Progress

COUNTED = ("user", "token", "session")


def access_damage(db: sqlite3.Connection) -> tuple[dict[str, int], list[str]]:
    """Figures of a store of users, and what is wrong with it."""
    damage = []
    known = (("application_id", (APPLICATION_ID,)), ("user_version", (VERSION, *ADDED)))
    for pragma, ours in known:
        (found,) = db.execute(f"PRAGMA {pragma}").fetchone()
        if found not in ours:
            damage.append(f"{pragma} is {found}, {ours[0]} was expected")
    figures = {}
    for table in COUNTED:
        (n,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - our words
        figures[f"rows of {table}"] = n
    every = set(Role)
    for name, roles in db.execute("SELECT name, roles FROM user ORDER BY name"):
        try:
            right = set(json.loads(roles)) <= every
        except (ValueError, TypeError):
            right = False
        if not right:
            damage.append(f"roles of {name} cannot be understood")
    return figures, damage


def trail_damage(path: Path, told: Progress) -> tuple[dict[str, int], list[str], list[str]]:
    """Figures of an audit trail, what is wrong with it, and notes; compared with its anchor."""
    found, state = check(path, default_anchor(path))
    told(path.stat().st_size)
    damage = [found.finding.text] if found.finding else []
    notes = list(found.notes)
    if not found.finding and state.value != "whole":
        notes.append(f"its anchor is {state.value}: an end that was cut off would not show")
    return {"records": found.records}, damage, notes
