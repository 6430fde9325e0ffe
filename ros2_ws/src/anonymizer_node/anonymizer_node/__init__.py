"""Finds people in robots' camera data and makes them unrecognisable, live or in a recording."""

__version__ = '0.1.0'
