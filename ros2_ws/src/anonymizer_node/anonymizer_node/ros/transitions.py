"""What a lifecycle transition does about errors, whatever it is that it changes."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import Protocol, TypeVar

from rclpy.context import Context
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from anonymizer_node.core.errors import AnonymizerError


class Refusing(Protocol):
    """A lifecycle node that says what became of its transitions.

    Attributes:
        state: Name of the lifecycle state.
        refusal: Why the latest transition was refused or failed; '' if it wasn't.
    """

    state: str
    refusal: str

    @property
    def context(self) -> Context:
        """As every node has it."""

    def get_logger(self) -> RcutilsLogger:
        """As every node has it."""


N = TypeVar('N', bound=Refusing)
Transition = Callable[[N, LifecycleState], TransitionCallbackReturn]


def transition(reaches: str) -> Callable[[Transition[N]], Transition[N]]:
    """Wrap a transition: refuse on our own errors, fail loudly on others, keep the state's name.

    rclpy takes an exception for the result ERROR and says nothing of it.
    """

    def wrap(method: Transition[N]) -> Transition[N]:
        @functools.wraps(method)
        def guarded(self: N, state: LifecycleState) -> TransitionCallbackReturn:
            self.refusal = ''
            try:
                result = method(self, state)
            except AnonymizerError as error:
                self.refusal = str(error)
                self.get_logger().error(f'Refused to become {reaches}: {error}')
                return TransitionCallbackReturn.FAILURE
            except Exception as error:  # The edge to rclpy, see above.
                if not self.context.ok():  # A signal ended it, under the hands of this.
                    self.refusal = 'the process is ending.'
                    return TransitionCallbackReturn.ERROR
                self.refusal = f'{type(error).__name__}: {error}'
                self.get_logger().error(
                    f'Failed to become {reaches}: {self.refusal}\n{traceback.format_exc()}'
                )
                return TransitionCallbackReturn.ERROR
            if result == TransitionCallbackReturn.SUCCESS:
                self.state = reaches
            return result

        return guarded

    return wrap
