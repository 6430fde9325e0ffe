"""Checks for what pip can't install, installs it as root, or says exactly what to install."""

import ctypes
import os
import shutil
import subprocess
import sys

LIBRARIES = ('libturbojpeg.so.0', 'libturbojpeg.dylib')


def present() -> bool:
    """Whether libjpeg-turbo's library can be loaded."""
    for name in LIBRARIES:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def main() -> int:
    """0 if all is there."""
    if present():
        return 0
    if os.geteuid() == 0 and shutil.which('apt-get'):
        print('libturbojpeg is missing: installing the package libturbojpeg0', flush=True)
        for arguments in (['update', '-qq'], ['install', '-y', '-qq', 'libturbojpeg0']):
            subprocess.run(['apt-get', *arguments], check=True, stdout=subprocess.DEVNULL)
        if present():
            return 0
    print(
        'libturbojpeg is missing; JPEG can not be edited without loss. Install it:\n'
        '  Debian:          sudo apt install libturbojpeg0\n'
        '  Ubuntu:          sudo apt install libturbojpeg\n'
        '  Fedora:          sudo dnf install turbojpeg\n',
        file=sys.stderr,
    )
    return 1


if __name__ == '__main__':
    sys.exit(main())
