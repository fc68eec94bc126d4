"""One file per protocol: moves samples between the tag table and a device."""
