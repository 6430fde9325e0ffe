"""The real node with another folder of models, named in OTHER_MODELS."""

import os
import sys
from pathlib import Path

from anonymizer_node.detectors import registry
from anonymizer_node.ros.main import main

if __name__ == '__main__':
    registry.share_path = lambda relative: Path(os.environ['OTHER_MODELS']).parent / relative
    sys.exit(main())
