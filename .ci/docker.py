"""Checks the recipes of docker/ as far as that goes without a container engine.

The recipes by hadolint; that whatever they copy is in a clean clone and gets into the build; that
the packages pinned for a robot exist for its processor and its Python; the compose files by their
schema, and the files that they name. What could not be checked is said.
"""

from __future__ import annotations

import fnmatch
import re
import subprocess
import sys
from pathlib import Path

import yaml

TOP = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PYTHONS = {'jetpack6': '3.10', 'jetpack7': '3.12'}
GLIBCS = {'jetpack6': 35, 'jetpack7': 39}
"""The second number of their glibc's version: wheels of older ones run there too."""


def in_clone(path: str) -> list[str]:
    """The files under a path that a clean clone has, or will have once the tree is committed."""
    command = ['git', 'ls-files', '--cached', '--others', '--exclude-standard', '--', path]
    return subprocess.run(
        command, cwd=TOP, check=True, capture_output=True, text=True
    ).stdout.splitlines()


def is_ignored(file: str, patterns: list[str]) -> bool:
    """Whether Docker leaves a file out of the build: the last pattern that fits decides."""
    parts = file.split('/')
    ways = ['/'.join(parts[:length]) for length in range(1, len(parts) + 1)]
    ignored = False
    for pattern in patterns:
        negated = pattern.startswith('!')
        wanted = pattern.lstrip('!').removeprefix('**/')
        candidates = ways + parts if '**/' in pattern else ways
        # Docker's single star ends at a slash.
        if any(
            way.count('/') == wanted.count('/') and fnmatch.fnmatch(way, wanted)
            for way in candidates
        ):
            ignored = not negated
    return ignored


def copied(recipe: Path) -> list[str]:
    """What a recipe copies from the checkout."""
    found = re.findall(r'^COPY (?!--from)(\S+) \S+$', recipe.read_text(), re.MULTILINE)
    return [source for source in found if not source.startswith('--')]


def check_copies(recipe: Path) -> list[str]:
    """What is wrong with them."""
    lines = (TOP / '.dockerignore').read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith('#')]
    problems = []
    for source in copied(recipe):
        files = in_clone(source)
        if not files:
            problems.append(f'{recipe.name}: {source} is in no clone')
        left_out = [file for file in files if is_ignored(file, patterns)]
        if left_out:
            problems.append(f'{recipe.name}: {left_out[0]} is kept out by .dockerignore')
    return problems


def check_pins(name: str) -> list[str]:
    """Whether the packages pinned for a robot can be had for it, with what they depend on."""
    platforms = [f'manylinux_2_{minor}_aarch64' for minor in range(17, GLIBCS[name] + 1)]
    # What apt brings there, as the newest that fits.
    given = ['numpy<2']
    command = [sys.executable, '-m', 'pip', 'install', '--quiet', '--dry-run', '--ignore-installed']
    command += ['--target', '/nowhere', '--only-binary=:all:', '--implementation', 'cp']
    command += ['--python-version', PYTHONS[name], '--platform', 'manylinux2014_aarch64']
    for platform in platforms:
        command += ['--platform', platform]
    done = subprocess.run(
        [*command, '-r', str(TOP / f'docker/{name}.txt'), *given], capture_output=True, text=True
    )
    if done.returncode == 0:
        return []
    errors = [line for line in done.stderr.splitlines() if line.startswith('ERROR')]
    return [f'docker/{name}.txt: {error}' for error in errors or ['pip failed']]


def check_compose(path: Path) -> list[str]:
    """The files and services that it names."""
    # As it is read when no variable is set.
    text = re.sub(r'\$\{\w+:-([^}]*)\}', r'\1', path.read_text(encoding='utf-8'))
    told = yaml.safe_load(text)
    problems = []
    for name, service in told['services'].items():
        build = service.get('build', {})
        wanted = [path.parent / build['context'] / build['dockerfile']] if build else []
        for volume in service.get('volumes', []):
            source = volume.split(':')[0]
            if source.startswith('.'):
                wanted.append(path.parent / source)
            elif not source.startswith('/') and source not in told['volumes']:
                problems.append(f'{path.name}: {name}: volume {source} is not declared')
        problems += [f'{path.name}: {name}: no {file}' for file in wanted if not file.exists()]
        unknown = set(service.get('depends_on', {})) - set(told['services'])
        problems += [f'{path.name}: {name} depends on {other}' for other in unknown]
    return problems


def main() -> int:
    """0 if nothing is wrong."""
    problems = []
    recipes = sorted((TOP / 'docker').glob('*.Dockerfile'))
    assert recipes
    for recipe in recipes:
        if subprocess.run([BIN / 'hadolint', recipe]).returncode:
            problems.append(f'{recipe.name}: see above')
        problems += check_copies(recipe)
        print(f'{recipe.name}: hadolint, {len(copied(recipe))} copies')
    for name in PYTHONS:
        problems += check_pins(name)
        print(f'{name}.txt: resolved for arm64 and Python {PYTHONS[name]}')
    composes = sorted((TOP / 'docker').glob('compose*.yaml'))
    command = [BIN / 'check-jsonschema', '--builtin-schema', 'vendor.compose-spec', *composes]
    if subprocess.run(command).returncode:
        problems.append('docker/compose*.yaml: see above')
    for compose in composes:
        problems += check_compose(compose)
    subprocess.run(['bash', '-n', TOP / 'docker/entrypoint'], check=True)
    print(
        "Not checked: that the base images, ROS's apt packages and the onnxruntime of NVIDIA's "
        'index are there, and that the images build.'
    )
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
