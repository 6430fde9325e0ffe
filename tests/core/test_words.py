import pytest

from anonymizer_node.core.words import counted


@pytest.mark.parametrize(
    ('number', 'what', 'said'),
    [
        (0, 'models', '0 models'),
        (1, 'models', '1 model'),
        (2, 'models', '2 models'),
        (1, 'image messages', '1 image message'),
        (1, 'frames with people', '1 frame with people'),
        (1, 'people seen in the input', '1 person seen in the input'),
        (1200, 'people', '1,200 people'),
        (1, 'sheep', '1 sheep'),
    ],
)
def test_one_of_something_is_told_in_the_singular(number, what, said):
    assert counted(number, what) == said
