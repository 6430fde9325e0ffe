"""Finds people in robots' camera data and makes them unrecognisable, live or in a recording."""

import os

__version__ = '0.1.0'

# onnxruntime 1.32 looks up its maker's server and keeps an identifier on the disk, unless it is
# told not to before it is loaded. Whatever loads it in this package has come through here first,
# and processes that we start inherit it.
os.environ['ORT_DISABLE_TELEMETRY'] = '1'
