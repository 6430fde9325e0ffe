"""The executables: loads what each one is, and says what is missing where that can't be.

Built with colcon, nothing sees to it that what comes from pip is there; nor to ROS 2, if it was
installed with pip. A traceback would name the module and leave the reader to guess the rest.
"""

from __future__ import annotations

import importlib
import sys

_OF_ROS = ('rclpy', 'rpyutils', 'ament_', 'rosidl_')
_INTERFACES = ('_msgs', '_srvs', '_interfaces')
_PACKAGES = {'cv2': 'opencv-python-headless', 'yaml': 'PyYAML'}
"""Module -> what pip calls its package, where that is another name."""


def anonymizer_node() -> int:
    """The ROS 2 node."""
    return _run('anonymizer_node', 'anonymizer_node.ros.main')


def anonymize() -> int:
    """The command line."""
    return _run('anonymize', 'anonymizer_node.cli.main')


def camera_simulator() -> int:
    """Plays simulated cameras."""
    return _run('camera_simulator', 'anonymizer_node.ros.camera_simulator')


def leak_checker() -> int:
    """Fails if somebody known to a simulation gets through."""
    return _run('leak_checker', 'anonymizer_node.ros.leak_checker')


def _run(name: str, module: str) -> int:
    try:
        main = importlib.import_module(module).main
    except ImportError as error:
        missing = (error.name or '').lstrip('_')
        if missing.partition('.')[0] == __package__:
            raise  # Ours: a defect.
        print(f'{name}: {said(error, missing)}', file=sys.stderr)
        return 2
    return int(main())


def said(error: ImportError, missing: str) -> str:
    """Why something can't be loaded, and what to do about it."""
    reason = (str(error).strip() or repr(error)).splitlines()[0].rstrip('.')
    python = f'{sys.executable} (Python {sys.version_info.major}.{sys.version_info.minor})'
    root = missing.partition('.')[0]
    if root.startswith(_OF_ROS) or root.endswith(_INTERFACES):
        return (
            f'ROS 2 can not be loaded by {python}: {reason}. Source the setup.bash of a '
            'distribution that was built for this Python: Humble for 3.10, Jazzy and Kilted for '
            '3.12. "anonymize" needs no ROS.'
        )
    if 'numpy' in reason and not root:
        # As OpenCV says it when it was built for another one.
        return f'{reason}, in {python}; what apt has needs an older NumPy: pip install "numpy<2".'
    package = _PACKAGES.get(root, root)
    return f'{reason}, in {python}' + (f'; install it: pip install {package}.' if package else '.')
