"""TLS of the Modbus driver: certificates on both sides, nothing older than TLS 1.2."""

import asyncio
import ssl

from controller.core.errors import DrylineError, LinkLost
from controller.drivers.modbus_settings import Settings
from controller.pki.files import read_secret

PROBE_S = 2.0


def client_context(settings: Settings) -> ssl.SSLContext:
    """How to talk to the device; LinkLost when a file cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate, key = settings.own_files
    try:
        read_secret(key)  # refuses one that others can read
        context.load_verify_locations(cafile=settings.ca_file)
        context.load_cert_chain(certificate, key)
    except (DrylineError, OSError) as error:
        raise LinkLost(f"certificate, key or ca_file of the TLS connection: {error}") from error
    return context


async def explain(settings: Settings) -> str:
    """Why a connection did not come about, asked once more; "" when it is nothing of TLS."""
    try:
        async with asyncio.timeout(PROBE_S):
            context = client_context(settings)
            _, writer = await asyncio.open_connection(settings.host, settings.port, ssl=context)
    except ssl.SSLCertVerificationError as error:
        return f": the device's certificate is refused: {error.verify_message}"
    except ssl.SSLError as error:
        return f": no TLS: {error.reason or error}"
    except OSError:
        return ""
    writer.transport.abort()
    return ""
