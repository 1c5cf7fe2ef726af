"""The steps of a campaign as a flat program: every step has a number, a branch is a jump.

A customer's place in a campaign is then one number, and a message's `step` is the number of its
`send`. Numbers belong to one campaign version: whoever is under way finishes the version that they
began.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.model.condition import Path
from orchestrator.model.step import BranchStep, ExitStep, Send, SendStep, Step, Wait, WaitStep, When


@dataclass(frozen=True, slots=True)
class SendOp:
    """Plan one message, then go on to the next number."""

    send: Send
    path: Path


@dataclass(frozen=True, slots=True)
class WaitOp:
    """Stay here for a while, then go on."""

    wait: Wait
    path: Path


@dataclass(frozen=True, slots=True)
class JumpUnless:
    """Go on if the condition holds; otherwise go to number `target`. Without one: always jump."""

    when: When | None
    target: int
    path: Path


@dataclass(frozen=True, slots=True)
class ExitOp:
    """Leave, and say why."""

    reason: str
    path: Path


Op = SendOp | WaitOp | JumpUnless | ExitOp
Program = tuple[Op, ...]


def program(steps: Sequence[Step]) -> Program:
    """The flat form of `steps`; running past the end is the ordinary way to finish."""
    ops: list[Op] = []
    _lay(steps, ops, ("steps",))
    return tuple(ops)


def _lay(steps: Sequence[Step], ops: list[Op], at: Path) -> None:
    for index, step in enumerate(steps):
        path = (*at, index)
        match step:
            case SendStep():
                ops.append(SendOp(step.send, (*path, "send")))
            case WaitStep():
                ops.append(WaitOp(step.wait, (*path, "wait")))
            case ExitStep():
                ops.append(ExitOp(step.exit, (*path, "exit")))
            case BranchStep():
                _lay_branch(step, ops, (*path, "branch"))


def _lay_branch(step: BranchStep, ops: list[Op], path: Path) -> None:
    """if → (then, jump to the end) → otherwise; targets are filled in once they are known."""
    branch = step.branch
    fork = len(ops)
    ops.append(JumpUnless(branch.if_, 0, (*path, "if")))
    _lay(branch.then, ops, (*path, "then"))
    if branch.otherwise:
        leave = len(ops)
        ops.append(JumpUnless(None, 0, path))
        ops[fork] = JumpUnless(branch.if_, len(ops), (*path, "if"))
        _lay(branch.otherwise, ops, (*path, "otherwise"))
        ops[leave] = JumpUnless(None, len(ops), path)
    else:
        ops[fork] = JumpUnless(branch.if_, len(ops), (*path, "if"))
