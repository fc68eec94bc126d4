"""Certificates of the connection to an MQTT broker."""

import ssl
from pathlib import Path

from controller.sinks.sparkplug_settings import Settings


def tls_context(settings: Settings, folder: Path) -> ssl.SSLContext:
    """Trusts the authority of the settings, or those of the machine; ValueError when a file cannot
    be used. folder: of the line, where relative names begin."""
    try:
        trusted = str(folder / settings.ca_file) if settings.ca_file else None
        context = ssl.create_default_context(cafile=trusted)
        if settings.cert_file:
            key = folder / settings.key_file if settings.key_file else None
            context.load_cert_chain(folder / settings.cert_file, key)
    except OSError as error:  # of which SSLError is one
        names = ", ".join(filter(None, (settings.ca_file, settings.cert_file)))
        raise ValueError(f"no certificates: {names}: {error.strerror or error}") from error
    return context
