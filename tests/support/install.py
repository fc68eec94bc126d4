"""Installs what the tests need beyond Python packages; prints what is missing and how to get it."""

import sys
from pathlib import Path

from tests.support import compiler, debian, node_peer, open62541_peer, vendored_axe

# Of the servers only the programs are used: whether their packages start a service is all the same.
TOOLS = {
    "mbpoll": "mbpoll",
    "influxd": "influxdb",
    "victoria-metrics": "victoria-metrics",
    "mosquitto": "mosquitto",
    "chromium": "chromium",
    "gencat": "libc6-dev",
}
# Japanese screens, as people see them.
FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")


def main() -> int:
    """Install what Debian, npm and pip have for tests; 1 with a message when one cannot be had."""
    try:
        for tool, package in TOOLS.items():
            debian.require(tool, package)
        debian.require_file(FONT, "fonts-noto-cjk")
        compiler.install()
        node_peer.node()
        open62541_peer.install()
        vendored_axe.axe_script()
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
