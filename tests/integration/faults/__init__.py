"""Faults of every kind, put into the real node, and who is visible in what it publishes then.

shots       frames with people at known places, each unlike any other
checker     whether a message shows any of them
stand       a node, a camera and a receiver, and the books between them
raw, jpegs  frames that lie, and files that do
inside      what goes wrong in the detector, the redaction, the codec
outside     what goes wrong around them: models, signals, settings, transitions, memory
catalogue   all of it in one table
table       runs all of it and writes docs/faults.md
"""
