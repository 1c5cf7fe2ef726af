"""Segments that are defined by one another, round and round."""

from collections.abc import Iterator, Mapping

from orchestrator.flow.load.finding import Finding
from orchestrator.flow.load.shape import pieces
from orchestrator.model.condition import Condition, InSegment


def check_cycles(segments: Mapping[str, Condition]) -> Iterator[Finding]:
    """One finding for each segment that leads back to itself, at the reference it goes wrong by."""
    uses = {
        name: [
            (piece.segment, (*path, "segment"))
            for path, piece in pieces(condition, ("segments", name))
            if isinstance(piece, InSegment)
        ]
        for name, condition in segments.items()
    }
    for name, references in uses.items():
        for target, path in references:
            way = _way({key: [to for to, _ in found] for key, found in uses.items()}, target, name)
            if way is not None:
                round_trip = " → ".join((name, *way))
                yield Finding(
                    path, f"{name} is defined by itself: {round_trip}", "break the circle"
                )
                break


def _way(uses: Mapping[str, list[str]], start: str, goal: str) -> list[str] | None:
    """The shortest way from one segment to another, both ends told."""
    ways = [[start]]
    seen = {start}
    for way in ways:
        if way[-1] == goal:
            return way
        for target in uses.get(way[-1], ()):
            if target not in seen:
                seen.add(target)
                ways.append([*way, target])
    return None
