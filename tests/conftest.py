"""What holds for all tests."""

import os

# A terminal exports its size to what it starts; rich then takes it once, when its console is made,
# and no test could ask for another width.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)

# Tests put parts of the plant in place of others, which compiled modules do not allow; the test of
# the compiled ones asks for them by itself.
os.environ["DRYLINE_PLANT"] = "python"
