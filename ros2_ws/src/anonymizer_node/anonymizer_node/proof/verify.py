"""Whether an output keeps the laws, told from the two recordings alone.

Nothing here knows a detector, the pipeline or the redaction: what an output states of itself is
held against its pixels, by rules of this wing's own.
"""

from __future__ import annotations

from pathlib import Path

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.bags import BagReader
from anonymizer_node.proof.bag_laws import BagLaws
from anonymizer_node.proof.live_laws import LiveLaws
from anonymizer_node.proof.record import Markers, read_markers, read_record
from anonymizer_node.proof.verdict import Verdict


def verify_bag(
    source: Path | str,
    target: Path | str,
    prefix: str = '',
    regions: Markers | None = None,
    method: str = '',
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

    Raises:
        InputError: If one of the two isn't a readable bag.
    """
    source, target = Path(source), Path(target)
    if not prefix and source.resolve() == target.resolve():
        raise InputError(f'{str(source)!r} is named as input and as output; name two bags.')
    with BagReader(source) as before, BagReader(target) as after:
        if not prefix:
            record = read_record(target)
            bag = BagLaws(before, after, record)
            checks = tuple(bag.run())
            return Verdict(str(source), str(target), '', checks, bag.topics, record.summary)
        markers = regions if regions is not None else read_markers(after)[0]
        live = LiveLaws(before, after, prefix, markers, method)
        checks = tuple(live.run())
        return Verdict(str(source), str(target), prefix, checks, live.topics)
