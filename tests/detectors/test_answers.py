import numpy as np
import pytest

from anonymizer_node.core.errors import DetectorError
from anonymizer_node.detectors.answers import TOLERANCE, check_scores

KINDS = [np.float32, np.float64]
"""Of float32 it is told by the bits whether they are plainly scores, of others it isn't."""


def scores(kind, *among):
    return np.array([0.0, 0.3, *among, 1.0, 0.7], kind)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('score', [0.0, -0.0, 1e-40, 0.5, 1.0, 1 + TOLERANCE / 2, -TOLERANCE / 2])
def test_scores_pass(kind, score):
    check_scores(scores(kind, score))
    check_scores(scores(kind, score)[::2])
    check_scores(np.zeros((1, 0, 1), kind))


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('score', [np.nan, -np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused_wherever_it_stands(kind, score):
    for at in range(4):
        values = scores(kind)
        values[at] = score
        with pytest.raises(DetectorError, match='finite'):
            check_scores(values)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('score', [1 + 2 * TOLERANCE, 40.0, -2 * TOLERANCE, -7.0, 3e38])
def test_logits_are_refused(kind, score):
    with pytest.raises(DetectorError, match='not 0 to 1'):
        check_scores(scores(kind, score))
    with pytest.raises(DetectorError, match='not 0 to 1'):
        check_scores(scores(kind, score)[::2])
