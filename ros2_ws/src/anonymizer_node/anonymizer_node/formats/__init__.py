"""Bytes to frames and back: image messages, JPEG blocks, bags."""
