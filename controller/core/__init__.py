"""The vocabulary: tags, samples, points, units, events, errors. No I/O, no clock."""
