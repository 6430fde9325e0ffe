"""A real Chromium without a window, driven over a pipe: keys, sizes, themes, what is read aloud."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

WITHIN_S = 120.0
FLAGS = (
    'headless',
    'no-sandbox',
    'disable-gpu',
    'disable-quic',
    'no-first-run',
    'disable-dev-shm-usage',
    'disable-background-networking',
    'disable-component-update',
    'disable-sync',
    'remote-debugging-pipe',
)
CODES = {'Enter': 13, 'Escape': 27, 'Tab': 9, 'Home': 36, 'End': 35}
CODES |= {'ArrowLeft': 37, 'ArrowUp': 38, 'ArrowRight': 39, 'ArrowDown': 40}


class Browser:
    """One page of it."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, back: int) -> None:
        self._process, self._to, self._back = process, to, back
        self._count, self._buffer, self._session = 0, b'', ''
        self.events: list[dict[str, Any]] = []
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        session = self.call('Target.attachToTarget', targetId=target, flatten=True)
        self._session = session['sessionId']
        for domain in ('Page', 'Runtime', 'Network', 'Log', 'Accessibility'):
            self.call(f'{domain}.enable')

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Ask for something and wait for the answer."""
        self._count += 1
        message = {'id': self._count, 'method': method, 'params': arguments}
        if self._session:
            message['sessionId'] = self._session
        os.write(self._to, json.dumps(message).encode() + b'\0')
        number = self._count
        while True:
            answer = self._next()
            if answer.get('id') == number:
                assert 'error' not in answer, answer
                return dict(answer['result'])
            self.events.append(answer)

    def open(self, path: Path, width: int = 1280, height: int = 900, **media: str) -> None:
        """Show a file in a window of a size; media features by name, `_` for `-`."""
        features = [
            {'name': name.replace('_', '-'), 'value': value} for name, value in media.items()
        ]
        self.call('Emulation.setEmulatedMedia', features=features)
        self.call(
            'Emulation.setDeviceMetricsOverride',
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.events.clear()
        self.call('Page.navigate', url=path.resolve().as_uri())
        self.wait_for('Page.loadEventFired')

    def wait_for(self, event: str) -> None:
        """Wait for an event."""
        until = time.monotonic() + WITHIN_S
        while not any(item.get('method') == event for item in self.events):
            assert time.monotonic() < until, f'no {event}'
            self.events.append(self._next())

    def run(self, code: str) -> Any:
        """The value of an expression in the page."""
        done = self.call('Runtime.evaluate', expression=code, returnByValue=True)
        assert 'exceptionDetails' not in done, done
        return done['result'].get('value')

    def press(self, key: str) -> None:
        """Press and release a key."""
        about: dict[str, Any] = {'key': key, 'code': key}
        code = CODES.get(key, ord(key.upper()) if len(key) == 1 else 0)
        about['windowsVirtualKeyCode'] = about['nativeVirtualKeyCode'] = code
        if len(key) == 1 or key == 'Enter':
            about['text'] = '\r' if key == 'Enter' else key
        self.call('Input.dispatchKeyEvent', type='keyDown', **about)
        about.pop('text', None)
        self.call('Input.dispatchKeyEvent', type='keyUp', **about)
        drawn = 'new Promise((done) => requestAnimationFrame(() => setTimeout(done)))'
        self.call('Runtime.evaluate', expression=drawn, awaitPromise=True)

    def picture(self, path: Path, whole: bool = True) -> None:
        """Write a PNG of the page."""
        done = self.call('Page.captureScreenshot', captureBeyondViewport=whole, format='png')
        path.write_bytes(base64.b64decode(done['data']))

    def read_aloud(self) -> list[dict[str, Any]]:
        """What a screen reader is told, in its order."""
        nodes = self.call('Accessibility.getFullAXTree')['nodes']
        known = {node['nodeId']: node for node in nodes}
        told, left = [], [nodes[0]]
        while left:
            node = left.pop()
            if not node.get('ignored'):
                told.append(node)
            left += [known[name] for name in reversed(node.get('childIds', [])) if name in known]
        return told

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + WITHIN_S
        while b'\0' not in self._buffer:
            ready, _, _ = select.select([self._back], [], [], max(0, until - time.monotonic()))
            assert ready, 'the browser is silent'
            more = os.read(self._back, 1 << 20)
            assert more, f'the browser ended with status {self._process.wait(10)}'
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b'\0')
        return dict(json.loads(line))


def _pipe_with_high(end: int) -> tuple[int, int]:
    """A pipe of which one end's number is neither 3 nor 4."""
    ends = list(os.pipe())
    high = fcntl.fcntl(ends[end], fcntl.F_DUPFD, 10)
    os.close(ends[end])
    ends[end] = high
    return ends[0], ends[1]


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """A browser with a profile in a folder; the test is skipped where there is none."""
    program = shutil.which('chromium') or shutil.which('chromium-browser')
    if program is None:
        pytest.skip('needs chromium, such as of "apt-get install chromium"')
    theirs_in, ours_out = _pipe_with_high(0)
    ours_in, theirs_out = _pipe_with_high(1)
    # It reads what it is told from descriptor 3 and answers on 4.
    words = [program, *(f'--{flag}' for flag in FLAGS), f'--user-data-dir={folder / "profile"}']
    shell = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
    process = subprocess.Popen(
        ['bash', '-c', shell, 'bash', *words],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Browser(process, ours_out, ours_in)
    finally:
        os.close(ours_out)  # It ends when nobody speaks to it any longer.
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)
        os.close(ours_in)
