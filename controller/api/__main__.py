"""`python -m controller.api`: the API of a line, as `dryline api` starts it."""

from controller.cli.api import main

if __name__ == "__main__":
    main()
