"""Evidence: the independent check of an output and the page that shows it."""
