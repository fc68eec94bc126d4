"""Installs what the tests need beyond Python packages; prints what is missing and how to get it."""

import sys

from tests.support import debian, node_peer

# Of the servers only the programs are used: whether their packages start a service is all the same.
TOOLS = {
    "mbpoll": "mbpoll",
    "influxd": "influxdb",
    "victoria-metrics": "victoria-metrics",
    "mosquitto": "mosquitto",
    "chromium": "chromium",
    "gencat": "libc6-dev",
    "gcc": "gcc",
}


def main() -> int:
    """Install the Debian packages and the npm peer; 1 with a message when one cannot be had."""
    try:
        for tool, package in TOOLS.items():
            debian.require(tool, package)
        node_peer.node()
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
