"""Installs what the tests need beyond Python packages; prints what is missing and how to get it."""

import sys

from tests.support import debian, node_peer


def main() -> int:
    """Install the Debian package and the npm peer; 1 with a message when one cannot be had."""
    try:
        debian.require("mbpoll")
        node_peer.node()
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
