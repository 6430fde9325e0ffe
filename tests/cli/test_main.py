import signal
import subprocess
import sys

import pytest

from anonymizer_node import __version__
from anonymizer_node.cli import main as cli
from anonymizer_node.cli.main import VERBS, main, parser
from anonymizer_node.core import errors
from anonymizer_node.formats.bags import BagWriter


@pytest.mark.parametrize('verb', VERBS)
def test_every_verb_has_help(verb, capsys):
    with pytest.raises(SystemExit) as left:
        main([verb, '--help'])
    assert left.value.code == 0
    assert f'anonymize {verb}' in capsys.readouterr().out


def test_the_verbs_are_those_of_the_design():
    assert {'bag', 'media', 'verify', 'model', 'demo', 'params'} <= set(VERBS)


def test_the_help_names_the_verbs_and_the_exit_status(capsys):
    with pytest.raises(SystemExit) as left:
        main(['--help'])
    assert left.value.code == 0
    out = capsys.readouterr().out
    assert all(verb in out for verb in VERBS)
    assert 'Exit status: 0 clean; 1' in ' '.join(out.split())


def test_the_version(capsys):
    with pytest.raises(SystemExit) as left:
        main(['--version'])
    assert left.value.code == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    'argv', [[], ['blur'], ['bag'], ['bag', 'in'], ['bag', 'a', 'b', '--fast']]
)
def test_wrong_usage_is_2_and_says_how(argv, capsys):
    with pytest.raises(SystemExit) as left:
        main(argv)
    assert left.value.code == 2
    assert 'usage: anonymize' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('argv', 'said'),
    [
        (['bag', 'a', 'b', '--methd', 'blur'], 'did you mean --method? See "anonymize bag --help"'),
        (['bag', 'a', 'b', '--split-sise=3'], 'did you mean --split-size?'),
        (['params', '--yml'], 'did you mean --yaml? See "anonymize params --help"'),
        (
            ['model', 'eval', 'a', '--requires', 'x'],
            'did you mean --require? See "anonymize mo',
        ),
        (['media', 'a', 'b', '--fast'], 'unrecognized: --fast. See "anonymize media --help"'),
    ],
)
def test_a_misspelt_flag_is_told_with_the_nearest_one(argv, said, capsys):
    with pytest.raises(SystemExit) as left:
        main(argv)
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def with_run(run, argv):
    args = parser().parse_args(argv)
    args.run = run
    return args


def verb_that(monkeypatch, outcome):
    """The command line with a `bag` that ends as told."""

    def run(args):
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(cli, 'parsed', lambda argv: with_run(run, argv))
    return main(['bag', 'in', 'out'])


@pytest.mark.parametrize('status', [0, 1, 2])
def test_the_status_of_a_verb_is_that_of_the_program(monkeypatch, status):
    assert verb_that(monkeypatch, status) == status


@pytest.mark.parametrize(
    'error',
    [
        *(kind('told to fail') for kind in vars(errors).values() if isinstance(kind, type)),
        OSError(28, 'told to fail'),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_error_of_ours_is_2_and_one_line_without_traceback(monkeypatch, capsys, error):
    assert verb_that(monkeypatch, error) == 2
    told = capsys.readouterr()
    assert told.out == ''
    assert told.err.startswith('anonymize bag: ')
    assert 'told to fail' in told.err
    assert told.err.count('\n') == 1


def test_an_interrupt_is_said_and_is_no_success(monkeypatch, capsys):
    assert verb_that(monkeypatch, KeyboardInterrupt()) == 130
    assert 'interrupted' in capsys.readouterr().err


def test_being_told_to_end_cleans_up_as_an_interrupt_does(monkeypatch, tmp_path):
    def run(args):
        with BagWriter(tmp_path / 'deep' / 'out') as writer:
            assert writer.folder.exists()
            signal.raise_signal(signal.SIGTERM)
        return 0

    monkeypatch.setattr(cli, 'parsed', lambda argv: with_run(run, argv))
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert main(['bag', 'in', 'out']) == 130
    finally:
        signal.signal(signal.SIGTERM, before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('surprise', [ZeroDivisionError('x'), MemoryError(), StopIteration()])
def test_a_surprise_is_2_and_not_hidden(monkeypatch, capsys, surprise):
    assert verb_that(monkeypatch, surprise) == 2
    told = capsys.readouterr().err
    assert 'Traceback' in told
    assert 'a defect' in told.splitlines()[-1]
    assert type(surprise).__name__ in told.splitlines()[-1]


def test_as_a_program_the_status_is_handed_on(tmp_path):
    command = [sys.executable, '-m', 'anonymizer_node.cli.main']
    done = subprocess.run(
        [*command, 'bag', str(tmp_path / 'absent'), str(tmp_path / 'out')],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert 'does not exist' in done.stderr
    assert 'Traceback' not in done.stderr
    assert list(tmp_path.iterdir()) == []
