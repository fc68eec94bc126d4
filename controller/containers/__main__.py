"""`python -m controller.containers`: services of docker-compose.yml that do one thing and end."""

import argparse
import sys
from pathlib import Path

from controller.containers.secret_files import make_secrets
from controller.containers.tokens import make_tokens
from controller.core.errors import DrylineError


def parser() -> argparse.ArgumentParser:
    """The command line."""
    words = argparse.ArgumentParser(prog="python -m controller.containers", description=__doc__)
    kinds = words.add_subparsers(dest="kind", required=True)
    random = kinds.add_parser("secrets", help="passwords and a token nobody has chosen")
    tokens = kinds.add_parser("tokens", help="tokens of the database that can do one thing")
    for kind in (random, tokens):
        kind.add_argument("folder", type=Path, help="where they are kept")
    tokens.add_argument("url", help="of the database, as http://influxdb:8086")
    tokens.add_argument("--org", required=True)
    tokens.add_argument("--bucket", required=True)
    return words


def main(arguments: list[str] | None = None) -> int:
    """Make secrets or tokens; says their names, never what they are."""
    given = parser().parse_args(arguments)
    try:
        if given.kind == "secrets":
            made = make_secrets(given.folder)
        else:
            made = make_tokens(given.folder, given.url, given.org, given.bucket)
    except DrylineError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"made {', '.join(made)}\n" if made else "everything is there\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
