"""Whether an output keeps the laws, told from the two recordings alone.

Nothing in this wing knows a detector, the pipeline or the redaction: what an output states of
itself is held against its pixels, by rules of this wing's own.
"""

from __future__ import annotations

from pathlib import Path

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.bags import BagReader
from anonymizer_node.proof.bag_laws import BagLaws
from anonymizer_node.proof.live_laws import LiveLaws
from anonymizer_node.proof.record import Markers, Record, read_markers, read_record
from anonymizer_node.proof.second import Judge, SecondOpinion
from anonymizer_node.proof.verdict import Verdict


def verify_bag(
    source: Path | str,
    target: Path | str,
    prefix: str = '',
    regions: Markers | None = None,
    method: str = '',
    judge: Judge | None = None,
    seal: str = '',
) -> Verdict:
    """Check the laws on an input and its output.

    Args:
        source: The input: a rosbag2 directory, a .mcap or a .db3 file.
        target: The output of `anonymize bag`; or, with a prefix, a recording of what a node
            published, which may be the same bag as `source`.
        prefix: Of the output topics, such as '/anonymized'; '' for an output of `anonymize bag`.
        regions: With a prefix: what the node obscured, by output topic and header time in
            nanoseconds, in place of the ImageMarker messages in `target`.
        method: With a prefix: how the node obscured, if known. An output of `anonymize bag` says.
        judge: Without a prefix: a second detector that is asked whom it sees.
        seal: Without a prefix: of the record, as it was told when the output was made.

    Raises:
        InputError: If one of the two isn't a readable bag, or the second detector is one that
            made the output.
    """
    source, target = Path(source), Path(target)
    if not prefix and source.resolve() == target.resolve():
        raise InputError(f'{str(source)!r} is named as input and as output; name two bags.')
    with BagReader(source) as before, BagReader(target) as after:
        if not prefix:
            record = read_record(target)
            _refuse_the_same(judge, record)
            second = SecondOpinion(judge) if judge is not None else None
            bag = BagLaws(before, after, record, second, seal)
            checks = tuple(bag.run())
            told = second.as_dict() if second is not None else {}
            return Verdict(str(source), str(target), '', checks, bag.topics, record.summary, told)
        markers = regions if regions is not None else read_markers(after)[0]
        live = LiveLaws(before, after, prefix, markers, method)
        checks = tuple(live.run())
        return Verdict(str(source), str(target), prefix, checks, live.topics)


def _refuse_the_same(judge: Judge | None, record: Record) -> None:
    """Refuse a second detector that was the first.

    Raises:
        InputError: If it was.
    """
    models = record.summary.get('models')
    if judge is None or not isinstance(models, list):
        return
    sha256 = judge.about.get('sha256')
    if sha256 and sha256 in [model.get('sha256') for model in models if isinstance(model, dict)]:
        raise InputError(
            f'{judge.about.get("name")!r} is what the output was made with, so it has no second '
            'opinion; name a detector of another family, such as one of faces.'
        )
