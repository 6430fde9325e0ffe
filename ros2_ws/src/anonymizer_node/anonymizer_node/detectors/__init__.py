"""Detectors: frames in, boxes out. `families.FAMILIES` is the table of what can be decoded."""
