"""`anonymize VERB`: one file per verb, one table of them."""

from __future__ import annotations

import argparse
import re
import signal
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from anonymizer_node import __version__
from anonymizer_node.cli.common import add_verbs
from anonymizer_node.core.errors import AnonymizerError

VERBS: Mapping[str, str] = {
    'bag': 'obscure the people in a recorded bag',
    'media': 'obscure the people in photos and videos',
    'export': 'training data from an anonymised bag',
    'verify': 'prove that an anonymised bag keeps the laws',
    'leaks': 'find people who got through in a recorded simulation',
    'model': 'list, build and measure detectors',
    'demo': 'the main job on real pictures, start to end',
    'params': 'every setting with default, unit, bounds and help',
}
"""Verb -> what it does. Its code is `cli/VERB.py` with `add_arguments` and `main`."""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog='anonymize',
        description="Makes the people in robots' camera data unrecognisable.",
        epilog='Exit status: 0 clean; 1 finished, but something could not be shown to hold; '
        '2 wrong usage, configuration or input, or a failure, and nothing was written (of many '
        'bags: of one of them).',
    )
    top.add_argument('--version', action='version', version=__version__)
    add_verbs(top, VERBS, 'anonymizer_node.cli.', dest='verb', run='run')
    return top


def parsed(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments; ends with 2 and the nearest flags where the verb doesn't know one."""
    args, unknown = parser().parse_known_args(argv)
    if unknown:
        verb: argparse.ArgumentParser = args.parser
        known = re.findall('--[a-z][a-z-]*', verb.format_usage())
        near = [get_close_matches(word.partition('=')[0], known, 1) for word in unknown]
        meant = ', '.join(flag for flags in near for flag in flags)
        hint = f'; did you mean {meant}?' if meant else '.'
        verb.error(f'unrecognized: {" ".join(unknown)}{hint} See "{verb.prog} --help".')
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; its exit status."""
    args = parsed(argv)
    if threading.current_thread() is threading.main_thread():
        # Told to end, clean up as after Ctrl-C: a half-written folder may hold raw messages.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(args.run(args))
    except (AnonymizerError, OSError) as error:
        print(f'anonymize {args.verb}: {error}', file=sys.stderr)
        return 2
    except Exception as error:  # A defect. 1 would say that there is something to be used.
        traceback.print_exc()
        print(f'anonymize {args.verb}: {error!r}; this is a defect', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f'anonymize {args.verb}: interrupted; nothing was written', file=sys.stderr)
        return 130


if __name__ == '__main__':
    sys.exit(main())
