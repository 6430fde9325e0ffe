"""What goes wrong in the detector, the redaction or the codec, by what a frame's frame_id asks.

See fault_node.py for the words.
"""

from __future__ import annotations

from collections.abc import Mapping

INSIDE: Mapping[str, str] = {
    'detector raises': 'detect:raises',
    'detector answers NaN': 'detect:nan',
    'detector answers with boxes outside': 'detect:outside',
    'detector answers with boxes inside out': 'detect:inside_out',
    'detector answers with boxes without size': 'detect:sizeless',
    'detector answers with arrays of another shape': 'detect:malformed',
    'detector answers with nothing at all': 'detect:no_answer',
    'detector answers with 10,000 boxes': 'detect:too_many',
    'detector is out of memory': 'detect:memory',
    'detector ends its thread': 'detect:exits',
    'redaction raises': 'redactor:raises',
    'redaction raises between two people': 'second_region:raises',
    'redaction is out of memory': 'redactor:memory',
    'redaction is out of memory between two people': 'second_region:memory',
    'codec raises when it decodes': 'decode:raises',
    'codec raises when it has decoded': 'decoded:raises',
    'codec is out of memory when it decodes': 'decode:memory',
    'codec raises before it redacts': 'redact:raises',
    'codec raises when it has redacted': 'redacted:raises',
    'codec is out of memory when it redacts': 'redact:memory',
    'codec raises when it blacks out': 'detect:raises,blacked_out:raises',
    'codec is out of memory when it blacks out': 'redact:raises,blacked_out:memory',
}
