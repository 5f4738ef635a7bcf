"""Routes: maps by hand, counts against a list of all walks, splits by map, verdicts on good and bad chains."""

from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atp_lite.domains import DOMAINS, NotMeasured, Problem, RouteSettings, generate, read_question
from atp_lite.domains.routes import Route, route_of
from atp_lite.domains.routes.maps import beside, cells
from atp_lite.planner import ModelSettings, Planner
from atp_lite.tokens import domain_tokenizer

ROUTES = DOMAINS["routes"]
#   a  b  c      start aa, goal cc; bb is blocked: two ways round it
# a s  .  .
# b .  #  .
# c .  .  g
ROUND = "3 : bb : aa to cc"


def walks(route: Route, length: int) -> list[tuple[str, ...]]:
    """Every legal walk of so many hops from start to goal, the slow way."""
    found = []
    for path in product(cells(route.size), repeat=length):
        path = (route.start, *path)
        pairs = zip(path, path[1:], strict=False)
        if path[-1] == route.goal and all(b in beside(route.size)[a] and b not in route.blocked for a, b in pairs):
            found.append(path)
    return found


def test_a_map_by_hand():
    route = route_of(ROUND)
    assert (route.distance, route.counts["aa"], route.counts["ab"]) == (4, 2, 1)
    assert list(route.shortest()) == [("aa", "ab", "ac", "bc", "cc"), ("aa", "ba", "ca", "cb", "cc")]
    assert route.distances["bc"] == 1 and "bb" not in route.distances
    assert read_question("3: bb :aa TO cc") == Problem(ROUND, ("aa>ab", "ab>ac", "ac>bc", "bc>cc"), "cc")
    assert DOMAINS.reading(ROUND).name == "routes" and ROUTES.count_chains(read_question(ROUND)) == 2


@pytest.mark.slow
@given(st.integers(0, 10**6))
def test_shortest_routes_are_all_the_walks_there_are_and_no_shorter_ones(seed):
    import random

    rng = random.Random(seed)
    *blocked, start, goal = rng.sample(cells(3), 4)
    route = Route(3, frozenset(blocked), start, goal)
    if route.distance is None:
        assert not any(walks(route, n) for n in range(1, 5))
    elif route.distance <= 4:
        assert not any(walks(route, n) for n in range(1, route.distance))
        every = walks(route, route.distance)
        assert sorted(every) == list(route.shortest()) and route.counts[start] == len(every)


@pytest.mark.parametrize(
    ("hops", "done", "in_place", "arrives", "right"),
    [
        (["aa>ab", "ab>ac", "ac>bc", "bc>cc"], 4, 4, True, True),
        (["aa > ba", "ba>ca", "ca>cb", "cb>cc"], 4, 4, True, True),
        (["aa>ab", "ab>aa", "aa>ba", "ba>ca", "ca>cb", "cb>cc"], 4, 6, True, False),  # arrives by a longer way
        (["aa>ab", "ab>bb", "bb>cb", "cb>cc"], 1, 2, False, False),  # through the blocked cell; cb>cc fits again
        (["aa>ab", "ab>ac", "ac>bc"], 3, 3, False, False),
        (["ba>ca", "ca>cb", "cb>cc"], 0, 2, False, False),  # begins elsewhere
        (["aa>ac", "ac>bc", "bc>cc"], 0, 2, False, False),  # a hop over a cell
        (["aa>ab", "4+3=7", "ab>ac"], 1, 1, False, False),
        ([], 0, 0, False, False),
        (["aa>ab"] * 4, 1, 1, False, False),  # a repeated step is no progress
    ],
)
def test_a_chain_is_judged_by_the_map_alone(hops, done, in_place, arrives, right):
    verdict = ROUTES.verify(Problem(ROUND, ("bc>cc",), "ba"), hops)  # the label is wrong, and nobody asks it
    assert (verdict.needed, verdict.done, verdict.taken) == (4, done, len(hops))
    assert (verdict.in_place, verdict.arrives, verdict.is_right) == (in_place, arrives, right)
    assert (verdict.share == 1.0) == right


def test_coherence_of_hops_by_hand():
    found = ROUTES.coherence(["aa>ab", "ab>bb", "bc>cc"], "cc", ROUND)
    assert [step.is_right for step in found.steps] == [True, False, True]
    assert [step.is_coherent for step in found.steps] == [True, False, True] and found.score == pytest.approx(2 / 3)
    assert ROUTES.coherence([], "cc", ROUND).score == 0
    with pytest.raises(NotMeasured, match="without their map"):
        ROUTES.coherence(["aa>ab"], "ab", "3+4")


@pytest.mark.slow
def test_problems_are_what_their_settings_say_and_no_map_is_in_two_splits():
    settings = RouteSettings(max_hops=4)
    counts = {2: 30, 4: 30}
    made = {split: generate(settings, split, counts) for split in ROUTES.splits}
    maps = {split: {route_of(p.question).map_text for p in problems} for split, problems in made.items()}
    for i, a in enumerate(ROUTES.splits):
        assert Counter(len(p.steps) for p in made[a]) == counts
        assert all(ROUTES.verify(p, p.steps).is_right and p.answer == route_of(p.question).goal for p in made[a])
        assert not any(maps[a] & maps[b] for b in ROUTES.splits[i + 1 :])
    other = generate(RouteSettings(seed=1, max_hops=4), "test", counts)
    assert made["test"] == generate(settings, "test", counts) != other
    with pytest.raises(ValueError, match=r"counts\[5\] = 1.*2 to 4"):
        generate(settings, "test", {5: 1})
    with pytest.raises(ValueError, match="only .* were found"):
        generate(RouteSettings(size=2, blocked=0, min_hops=2, max_hops=2), "test", {2: 50})


def test_labels_are_drawn_evenly_among_the_shortest_and_may_take_a_detour():
    import random

    from atp_lite.domains.routes import draw_walk

    rng, route = random.Random(0), Route(3, frozenset(), "aa", "cc")  # six shortest routes
    drawn = Counter(draw_walk(route, 0, rng) for _ in range(6000))
    assert len(drawn) == 6 and max(abs(n - 1000) for n in drawn.values()) < 5 * (6000 * 5 / 36) ** 0.5
    longer = [draw_walk(route_of(ROUND), 2, rng) for _ in range(200)]
    assert {len(path) - 1 for path in longer} <= {4, 6} and all(len(set(path)) == len(path) for path in longer)
    wide = [draw_walk(Route(4, frozenset(), "aa", "ac"), 2, rng) for _ in range(200)]
    assert {len(path) - 1 for path in wide} == {2, 4}
    train = generate(RouteSettings(detour=2, max_hops=3), "train", {2: 200})
    assert {len(p.steps) for p in train} == {2, 4} and all(ROUTES.verify(p, p.steps).arrives for p in train)


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("5 : ab : aa", "is no question about a route: write the size"),
        ("3 : bb : aa to dd", "'dd' is not on a map of 3 x 3 cells: use aa to cc"),
        ("3 : bb : aa to bb", "the goal 'bb' is blocked"),
        ("1 : : aa to aa", "a map of 1 x 1 cells: give a size of 2 to 9"),
        ("3 : : aa to aa", "start and goal are the same cell"),
        ("3 : ab ba : aa to cc", "the goal cannot be reached"),
    ],
)
def test_a_bad_question_says_what_to_do(text, way_out):
    with pytest.raises(ValueError, match=way_out):
        ROUTES.read_question(text)


@pytest.mark.parametrize(
    "bad", [{"size": 1}, {"blocked": 24}, {"min_hops": 0}, {"max_hops": 40}, {"detour": 1}, {"seed": -1}]
)
def test_settings_are_checked(bad):
    with pytest.raises(ValueError, match=f"RouteSettings.{next(iter(bad))} = "):
        RouteSettings(**bad)


def test_a_planner_reads_and_writes_routes():
    tokenizer = domain_tokenizer("routes")
    hop = tokenizer("aa>ab")["input_ids"]
    assert len(hop) == 3 and tokenizer.decode(hop) == "aa>ab"
    small = ModelSettings(hidden_size=16, layers=1, heads=2, intermediate_size=16, max_latents=3)
    planner = Planner.fresh("routes", small)
    problems = generate(RouteSettings(max_hops=3), "test", {2: 3})
    assert planner.domain is ROUTES and len(planner.reason(problems).steps) == 3
