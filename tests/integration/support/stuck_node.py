"""The node with a model whose loading never ends, as a first TensorRT build seems to."""

import os
import sys
import time

from anonymizer_node.ros import ending
from anonymizer_node.ros.main import main


def load(settings):
    print('Loading for ever', flush=True)
    # One call that no signal interrupts, as one into a library is.
    import ctypes

    libc = ctypes.CDLL(None)
    for _ in range(600):
        libc.usleep(1_000_000)
        time.sleep(0)
    return []


if __name__ == '__main__':
    ending.END_S = float(os.environ['END_S'])
    sys.exit(main(detector_factory=load))
