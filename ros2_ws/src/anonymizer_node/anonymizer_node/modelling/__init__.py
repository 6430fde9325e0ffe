"""How detectors are made and measured: weights to ONNX, quantised, checked; evaluated, timed.

Only the making needs onnx and onnxruntime's quantiser (this package's extra "modelling"); a robot
that runs or measures a finished model needs neither.
"""
