"""The `anonymize` command line, one file per verb."""
