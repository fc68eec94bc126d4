"""What needs a server that somebody else runs is collected only when its address is given."""

import os

collect_ignore = [] if os.environ.get("INFLUX2_URL") else ["test_influx2.py"]
