"""The C compiler and the headers of this Python, installed when missing and we are root.

`python -m tests.support.compiler` says what to install where that is not possible.
"""

import sys
import sysconfig
from pathlib import Path

from tests.support import debian


def install() -> None:
    """RuntimeError when one of them cannot be had."""
    debian.require("gcc")
    debian.require_file(Path(sysconfig.get_path("include")) / "Python.h", "python3-dev")


if __name__ == "__main__":
    try:
        install()
    except RuntimeError as error:
        sys.exit(str(error))
