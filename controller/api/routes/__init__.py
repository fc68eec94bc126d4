"""The routes of the API, by subject."""

from controller.api.declared import Routes
from controller.api.routes import (
    alarms,
    audit,
    deployments,
    energy,
    health,
    history,
    interlocks,
    recipes,
    runs,
    session,
    simulator,
    stations,
    tags,
    users,
)

ALL: tuple[Routes, ...] = tuple(
    subject.routes
    for subject in (
        session,
        tags,
        stations,
        interlocks,
        recipes,
        deployments,
        runs,
        history,
        energy,
        simulator,
        alarms,
        users,
        audit,
        health,
    )
)
