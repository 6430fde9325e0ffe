"""Computation without input or output: data types, geometry, redaction, tracking, the pipeline."""
