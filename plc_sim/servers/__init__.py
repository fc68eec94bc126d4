"""Protocol servers that expose the PLC tags of one station."""
