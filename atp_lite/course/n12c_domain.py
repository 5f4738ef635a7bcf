"""12c: another domain."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from atp_lite.course.grading import exercise, function_feedback, number_feedback, require_function
from atp_lite.domains import Problem


@exercise(
    "12c.1",
    "What of a question belongs to the graph, and what is only asked about it?",
    "Only what stands before the colon counts, and its order does not.",
    "Cut the question at ` : `, split the first half at its gaps, and bring the roads into an order of your own.",
)
def same_graph(answer: Any) -> str:
    """graph_of(question): keys that are equal exactly where two questions have the same roads."""
    graph_of = require_function(answer)
    first = "AB BC DE EF : A to C or F"
    for second, same in (
        ("AB BC DE EF : A to F or C", True),
        ("EF BC AB DE : A to C or F", True),
        ("DE AB EF BC : D to C or F", True),  # asks for another start
        ("AB BC DE FE : A to C or F", False),  # one road the other way
        ("BA CB ED FE : A to C or F", False),
        ("AC CB DE EF : A to C or F", False),  # other roads between the same places
        ("AB BC DE : A to C or F", False),
    ):
        one, two = graph_of(first), graph_of(second)
        if bool(one == two) != same:
            said = "the same graph, and have different keys" if same else "different graphs, and have the same key"
            return f"{first!r} and {second!r} are about {said}, {one!r:.60}" + (f" and {two!r:.60}." if same else ".")
    return ""


@exercise(
    "12c.2",
    "Walk along: where are you after each hop?",
    "Four things can go wrong: no hops, no such edge, a jump, an edge twice. Then look where it ends.",
    "Begin at the start; every hop must be among the edges and begin where you are. Where do you end?",
)
def walks(answer: Any) -> str:
    """walks(question, hops, answer): 1 for a walk along edges of the question from its start to the answer."""
    question, longer = "CB AC ED : A to B or D", "BC DA HE CD FG GH : B to A or E"
    cases = [
        (question, ["AC", "CB"], "B"),
        (question, ["AC", "CB"], "D"),  # the answer is another one
        (question, ["CB"], "B"),  # does not begin at the start
        (question, ["AB"], "B"),  # no such edge
        (question, ["AC", "ED"], "D"),  # jumps
        (question, [], "B"),
        (question, [], "A"),  # stays where it is
        (question, ["AC", ""], "C"),
        (longer, ["BC", "CD", "DA"], "A"),
        (longer, ["BC", "DA"], "A"),
        (longer, ["DA", "CD", "BC"], "A"),
        ("AB BA : A to B or C", ["AB", "BA", "AB"], "B"),  # in a circle
        ("AB BA : A to B or C", ["AB"], "B"),
    ]
    wanted = [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]
    return function_feedback(answer, cases, wanted, _yes_feedback)


def _yes_feedback(got: Any, wanted: int) -> str:
    """As for a number; True is 1 and False is 0."""
    return number_feedback(int(got) if isinstance(got, bool) else got, wanted)


@exercise(
    "12c.3",
    "Draw one such graph on paper first. How many places does it have?",
    "Places drawn without repetition make all conditions easy. What must be in random order?",
    "Draw seven places: start, middle, goal, dead end, three for another road. Shuffle edges and goals.",
)
def forked(answer: Any) -> str:
    """forked(rng): a problem of two hops whose start has a second road, to a dead end."""
    make, rng, drawn = require_function(answer), random.Random(0), []
    for _ in range(40):
        problem = make(rng)
        if not isinstance(problem, Problem):
            return f"{problem!r:.60} is not a Problem."
        if found := fork_fault(problem):
            return f"{problem.question!r}: {found}"
        drawn.append(problem)
    edges = [problem.question.split(" : ")[0].split() for problem in drawn]
    if len({tuple(own) for own in edges}) < 20:
        return f"40 draws gave {len({tuple(own) for own in edges})} different graphs: use rng."
    if len({own.index(problem.steps[0]) for own, problem in zip(edges, drawn, strict=True)}) < 2:
        return "In 40 draws the first hop is always at one place among the edges: shuffle them."
    if len({problem.question.split()[-1] == problem.answer for problem in drawn}) < 2:
        return "In 40 draws the answer is always the same one of the two goals: shuffle them."
    return ""


def fork_fault(problem: Problem) -> str:
    """What is wrong with one problem with a fork, "" where nothing is."""
    halves = problem.question.split(" : ")
    words = halves[-1].split()
    if len(halves) != 2 or len(words) != 5 or words[1] != "to" or words[3] != "or":
        return "it should look like 'CB AC ED : A to B or D'."
    edges, start, goals = halves[0].split(), words[0], (words[2], words[4])
    if any(len(edge) != 2 or not set(edge) <= set("ABCDEFGH") or edge[0] == edge[1] for edge in edges):
        return "an edge is two different letters from A to H."
    if len(set(edges)) < len(edges):
        return "an edge is there twice."
    ways = [list(way) for way in ways_from(edges, (start,))]
    out = [edge[1] for edge in edges if edge[0] == start]
    if len(out) != 2 or not any(not any(edge[0] == place for edge in edges) for place in out):
        return "two roads should leave the start, one of them to a dead end."
    reached = [goal for goal in goals if any(way[-1] == goal for way in ways)]
    if len(reached) != 1 or reached[0] != problem.answer:
        return "exactly one of the two goals should be in reach, and be the answer."
    roads = [way for way in ways if way[-1] == problem.answer]
    if len(roads) != 1 or len(roads[0]) != 3:
        return "one way of two hops should lead to the answer."
    if tuple(problem.steps) != tuple(a + b for a, b in zip(roads[0], roads[0][1:], strict=False)):
        return f"the steps should be the hops of the way {' '.join(roads[0])}."
    return ""


def ways_from(edges: Sequence[str], way: tuple[str, ...]) -> list[tuple[str, ...]]:
    """All walks that go on from `way` without coming to a place twice, each of one hop or more in all."""
    found = []
    for edge in edges:
        if edge[0] == way[-1] and edge[1] not in way:
            longer = (*way, edge[1])
            found += [longer, *ways_from(edges, longer)]
    return found
