"""Causes, measured on planners whose thoughts are known to be causes, or known not to be, and on real ones."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small import PROBLEMS, lively_planner, made_trace, tiny_planner

from atp_lite.cli.main import main
from atp_lite.domains import DOMAINS, Problem, Step, generate, read_expression
from atp_lite.domains.chains import Rest
from atp_lite.evaluation import Causes, Effect, causes, partners, wilson
from atp_lite.evaluation.interventions import Edit, Run, _effects, edits_of
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS, REGIMES
from atp_lite.views.causes import causes_figure

ARITHMETIC, ROUTES = DOMAINS["arithmetic"], DOMAINS["routes"]


class HandMade:
    """A planner without weights: a thought is a one-hot vector that says a step, and its decoder names the step.

    uses: the next step takes its numbers from the thoughts before it, and the last one is the answer. Otherwise every
    step and the answer are worked out from the question alone, whatever has been thought.
    """

    SIZE = 4096

    def __init__(self, uses: bool, encodes: bool = True) -> None:
        self.uses, self.domain, self.words = uses, ARITHMETIC, dict[str, int]()
        config = SimpleNamespace(max_latents=8, latents_per_step=1)
        self.model = SimpleNamespace(
            config=config, decoder=object(), step_encoder=object() if encodes else None, dtype=torch.float32,
            training=False, train=lambda mode: None, replay=self.replay,
        )  # fmt: skip

    def thought(self, step: str) -> torch.Tensor:
        place = self.words.setdefault(step, len(self.words))
        return torch.nn.functional.one_hot(torch.tensor([place]), self.SIZE).float()

    def think(self, problems, edits=None):
        rows = [self.think_one(problem, i, edits or {}) for i, problem in enumerate(problems)]
        texts = [[self.read(latent) for latent in row] for row in rows]
        trace = made_trace([self.answer(p, own) for p, own in zip(problems, texts, strict=True)], texts, problems)
        trace.latents = torch.nn.utils.rnn.pad_sequence([torch.stack(row) for row in rows], batch_first=True)
        return trace

    def think_one(self, problem, row, edits):
        values, latents = [], []
        for t, step in enumerate(ARITHMETIC.needed_steps(problem.question), start=1):
            known = [None if source is None or not self.uses else values[source] for source in step.sources]
            left, right = (n if own is None else own for n, own in zip((step.left, step.right), known, strict=True))
            value = {"+": left + right, "-": left - right, "*": left * right}[step.operator]
            latent = self.thought(f"{left}{step.operator}{right}={value}")[0]
            latents.append(edits[t][row] if t in edits else latent)
            values.append(int(self.read(latents[-1]).split("=")[1]))
        return latents

    def read(self, latent) -> str:
        return list(self.words)[int(latent.argmax())]

    def answer(self, problem, texts) -> str:
        return texts[-1].split("=")[1] if self.uses else ARITHMETIC.true_answer(problem.question)

    def reason(self, problems, decode=True):
        return self.think(problems)

    def finish(self, trace, decode=True):
        return trace

    def replay(self, trace):
        """All probability on the answer."""
        ids = torch.tensor([[int(answer) % 100] for answer in trace.answers])
        return SimpleNamespace(answer_logits=1000.0 * torch.nn.functional.one_hot(ids, 100))


MADE = [read_expression(text) for text in ("(3+4)*2", "(1+2)*5", "(9-2)*3", "(8-6)+9", "(2*3)-1", "(3+4)*2-1")]
"""Five problems of two steps, and one of three, which has no neighbour."""


def means(found: Causes, edit: str, place: int | None = None) -> dict[str, tuple[float, int]]:
    return {name: (e.mean, e.n) for name, e in found.shares(edit, place).items()}


@pytest.mark.slow
def test_where_thoughts_are_used_everything_follows_and_the_controls_stay():
    found = causes(HandMade(uses=True), MADE)
    assert (found.problems, found.edited) == (6, 6)
    follows = {"answer_follows": 1.0, "answer_stays": 0.0, "answer_neither": 0.0}
    rest = {"rest_follows": 1.0, "rest_stays": 0.0, "rest_neither": 0.0, "rest_arrives": 1.0}
    assert means(found, "swap-all") == {name: (share, 5) for name, share in follows.items()}
    assert means(found, "typed") == {name: (share, 6) for name, share in (follows | rest | {"reads": 1.0}).items()}
    # 9-2=7, put in the place of 1+2=3, gives 7*5=35; 3+4=7 in the place of 7 cannot be told from what was before
    assert {name: mean for name, (mean, _) in means(found, "swap", 1).items()} == follows | rest | {"reads": 1.0}
    for control in ("noise", "same-text"):
        told = means(found, control)
        assert told["answer_stays"][0] == told["rest_stays"][0] == told["reads"][0] == 1.0
        assert told["answer_follows"][0] == told["rest_follows"][0] == told["rest_arrives"][0] == 0.0
    # 3+4=7 is thought at place 1 of the first and of the last problem alone, 7*2=14 at place 2 of both
    assert means(found, "same-text")["reads"] == (1.0, 2)


@pytest.mark.slow
def test_where_thoughts_are_ignored_everything_stays():
    found = causes(HandMade(uses=False), MADE)
    for edit in ("swap-all", "swap", "typed", "noise", "same-text"):
        told = means(found, edit)
        assert told["answer_stays"][0] == 1.0 and told["answer_follows"][0] == told["answer_neither"][0] == 0.0
        assert told.get("rest_stays", (1.0, 0))[0] == 1.0 and told.get("rest_arrives", (0.0, 0))[0] == 0.0
    assert all(changes["shift"].mean == changes["answer_changed"].mean == 0.0 for changes in found.matters().values())


@pytest.mark.slow
def test_how_much_each_thought_matters_by_hand():
    """Neighbours of two steps: 14, 15, 21, 11, 5, in that order, round about; each borrows a thought from the next."""
    used = causes(HandMade(uses=True), MADE)
    # place 1: (3+4)*2 takes 3: 6; (1+2)*5 takes 7: 35; (9-2)*3 takes 2: 6; (8-6)+9 takes 6: 15; (2*3)-1 takes 7: 6
    # place 2: every answer becomes the neighbour's
    assert {place: changes["answer_changed"].mean for place, changes in used.matters().items()} == {1: 1.0, 2: 1.0}
    assert used.matters()[1]["shift"].mean == 1.0 and used.matters()[1]["shift"].n == 5
    assert used.matters()[1]["rest_changed"] == wilson(5, 5) and "rest_changed" not in used.matters()[2]
    sevens = [MADE[0], MADE[2]]  # both first thoughts are 7, so the answer does not see the first swap
    assert [c["answer_changed"].mean for c in causes(HandMade(uses=True), sevens).matters().values()] == [0.0, 1.0]
    assert "answer_follows" not in causes(HandMade(uses=True), sevens).shares("swap", 1), "they cannot be told apart"


@pytest.mark.slow
def test_without_an_encoder_nothing_is_typed_and_other_questions_lend_their_thoughts():
    """Only steps that are thought at the same place of some other question can be borrowed."""
    problems = [read_expression(f"({a}+{b})*2") for a in range(1, 10, 2) for b in range(1, 10)]
    found = causes(HandMade(uses=True, encodes=False), problems)
    assert found.shares("typed") == {} and "typed" not in found.to_json()["edits"], "left out, and not 0"
    lent = means(found, "borrowed", 1)
    assert lent["answer_follows"][0] == lent["rest_follows"][0] == lent["reads"][0] == 1.0
    assert 0 < lent["answer_follows"][1] < len(problems), "sums that begin with an even number were thought nowhere"
    assert means(found, "noise", 1)["answer_stays"] == (1.0, lent["answer_follows"][1])
    alone = causes(HandMade(uses=True, encodes=False), MADE[:1])
    assert alone.effects == [] and alone.shares("borrowed") == {} and alone.matters() == {}


def test_only_a_right_chain_is_edited():
    planner = HandMade(uses=True)
    wrong = replace(MADE[1], answer="0")  # what the label says does not matter
    assert causes(planner, [MADE[0], wrong]).edited == 2
    planner.read = lambda latent: "3+4=7"
    found = causes(planner, MADE)
    assert (found.problems, found.edited, found.effects) == (6, 0, [])
    assert found.to_markdown().startswith("0 of 6 problems have a right chain")


def test_a_share_is_the_mean_over_problems_of_their_places():
    """Problem 0: one of two follows; problem 1: its only one does: (1/2 + 1) / 2 of two problems."""
    plain = Effect(0, "typed", 1, "follows", None, None, True, True, None, 0.25)
    effects = [plain, replace(plain, place=2, answer="neither"), replace(plain, position=1)]
    effects += [replace(plain, edit="swap", position=i, shift=shift) for i, shift in enumerate((0.0, 1.0))]
    found = Causes(3, 2, effects)
    assert found.shares("typed")["answer_follows"] == wilson(1.5, 2)
    assert found.shares("typed", 1)["answer_follows"] == wilson(2, 2)
    assert set(found.shares("typed")) == {"answer_follows", "answer_stays", "answer_neither", "reads"}
    assert found.matters()[1]["shift"].mean == 0.5 and found.shares("noise") == {}
    data = json.loads(json.dumps(found.to_json()))
    assert data["edits"]["typed"]["2"]["answer_neither"]["mean"] == 1.0 and set(data["edits"]) == {"swap", "typed"}
    assert "| typed | 2 | 75.0 [" in found.to_markdown()


def test_partners_are_of_the_same_kind():
    assert partners([3, 1, 3, 3, 2], [3, 1, 3, 2, 2]) == [2, 1, 0, 3, 4]
    assert partners([3, 3, 3], [8, 8, 8]) == [1, 2, 0]
    assert partners([3, 2], [8, 8]) == [0, 1], "the needed steps count, not the latents alone"


# --- what follows, as the domain says ---


def test_what_follows_from_an_equation():
    problem = read_expression("(3+4)*(9-2)")
    other = ("3+4=7", "9-2=7", "7*7=49")
    assert problem.steps == other
    found = ARITHMETIC.substitute(problem, 0, "2*3=6")  # another operator will do
    assert (found.steps, found.answer) == (("2*3=6", "9-2=7", "6*7=42"), "42")
    for step in ("5+2=7", "9+9=18", "3+4=8", "seven", "3+4"):  # as before, 126 is out of range, wrong, no step
        assert ARITHMETIC.substitute(problem, 0, step) is None
    assert ARITHMETIC.substitute(replace(problem, steps=other[:2]), 0, "2*3=6") is None, "no right chain"
    follows = lambda *rest: ARITHMETIC.follows(problem, 0, "2*3=6", ["?", *rest])  # noqa: E731
    assert follows("9-2=7", "6*7=42") == Rest(follows=True, arrives=True)
    for rest in (other[1:], ["6*7=42", "9-2=7"], ["9-2=7"], ["9-2=7", "6*7=42", "6*7=42"]):
        assert follows(*rest) == Rest(follows=False, arrives=False)
    two = replace(problem, steps=("9-2=7", "3+4=7", "7*7=49"))  # after 4-1=3 in place of 9-2=7, 3+4=7 stays what it is
    assert ARITHMETIC.follows(two, 0, "4-1=3", ["", "3+4=7", "7*3=21"]).follows
    many = read_expression("((1+2)+(3+1))*(2+2)")  # what is left may come in another order
    assert ARITHMETIC.follows(many, 0, "1+1=2", ["", "2+2=4", "3+1=4", "2+4=6", "6*4=24"]).follows
    with pytest.raises(ValueError, match="'seven' cannot stand at place 0"):
        ARITHMETIC.follows(problem, 0, "seven", other)


@given(st.integers(0, 60), st.sampled_from("+-*/"), st.integers(0, 9), st.integers(-1, 1))
def test_a_step_is_read_where_it_is_true(left, operator, right, off):
    true = {"+": left + right, "-": left - right, "*": left * right, "/": left // right if right else 0}[operator]
    text = f"{left} {operator} {right} = {true + off}"
    equation = ARITHMETIC.read_step(text)  # exact, by fractions
    right_one = equation is not None and equation.is_right and equation.rhs >= 0
    assert Step.read(text) == (Step(left, operator, right, true) if right_one else None)
    assert Step.read(text + "!") is None


def test_what_follows_from_a_hop():
    problem = Problem("3 : : aa to cc", ("aa>ab", "ab>bb", "bb>bc", "bc>cc"), "cc")
    found = ROUTES.substitute(problem, 1, "ab>ac")
    assert found.steps == ("aa>ab", "ab>ac", "ac>bc", "bc>cc") and found.answer == "cc"
    for step in ("ba>bb", "ab>cc", "bc>cc", "ab>dd", "seven"):  # ends where it did, a leap, the goal, off the map, none
        assert ROUTES.substitute(problem, 1, step) is None
    follows = lambda *rest: ROUTES.follows(problem, 1, "ab>ac", ["", "", *rest])  # noqa: E731
    assert follows("ac>bc", "bc>cc") == Rest(follows=True, arrives=True)
    assert follows("ac>bc", "bc>bb") == Rest(follows=True, arrives=False)
    assert follows("bb>bc", "bc>cc") == follows() == Rest(follows=False, arrives=False)
    with pytest.raises(ValueError, match="no legal hop"):
        ROUTES.follows(problem, 1, "aa>cc", [])


# --- real planners ---


@pytest.mark.slow
def test_an_edit_puts_all_latents_of_a_step_in_their_place():
    """c = 2: what is thought on from an edit of step 2 is what the loop thinks from edits of latents 3 and 4."""
    planner, problem = lively_planner(c=2), PROBLEMS[2]
    planner.model.config.layout = "fixed"  # it thinks on to its limit
    before = planner.reason([problem])
    first = planner.model.replay(before).answer_logits[0, 0].softmax(-1)
    run = Run(0, problem, "?", before.latents[0].split(2), first, True)
    put = torch.randn(2, 32, generator=torch.Generator().manual_seed(0))
    (effect,), _, _ = _effects(planner, [Edit(run, "typed", 2, put, "no step", None)], [(0, 0)])
    after = planner.finish(planner.think([problem], edits={3: put[0], 4: put[1]}))
    then = planner.model.replay(after).answer_logits[0, 0].softmax(-1)
    assert effect.shift == pytest.approx((first - then).abs().sum().item() / 2, abs=1e-5)
    assert effect.shift > 0 and effect.reads is False and (effect.answer, effect.rest) == (None, None)


def test_noise_is_as_large_as_the_typed_edit_and_hangs_on_the_seed_alone():
    planner = HandMade(uses=True)
    first = torch.ones(1)  # nobody looks at it
    runs = [Run(i, p, p.answer, planner.reason([p]).latents[0].split(1), first, True) for i, p in enumerate(MADE)]
    needed = [len(p.steps) for p in MADE]
    edits = list(edits_of(planner, runs, needed, seed=3))
    sizes = {}
    for edit in edits:
        if edit.name in ("typed", "noise"):
            own = edit.run.thoughts[edit.place - 1]
            sizes.setdefault((edit.run.position, edit.place), []).append((edit.latents - own).norm().item())
    assert len(sizes) == 13 and all(typed == pytest.approx(noise, rel=1e-4) for typed, noise in sizes.values())
    again = list(edits_of(planner, runs[::-1], needed, seed=3))
    noise = lambda found: {(e.run.position, e.place): e.latents for e in found if e.name == "noise"}  # noqa: E731
    assert all(torch.equal(noise(again)[key], value) for key, value in noise(edits).items())
    assert any(not torch.equal(noise(edits_of(planner, runs, needed, 4))[k], v) for k, v in noise(edits).items())


@pytest.mark.slow
def test_a_bundled_planner_is_measured_alike_in_every_batch_size():
    planner = Planner.from_pretrained(CHECKPOINTS / "atp-sft")
    problems = generate(REGIMES["clean"], "test", {2: 10, 3: 30})
    found = causes(planner, problems)
    plain = lambda result: [replace(e, shift=round(e.shift, 4)) for e in result.effects]  # noqa: E731
    assert plain(causes(planner, problems, batch_size=7)) == plain(found) == plain(causes(planner, problems))
    assert 10 < found.edited <= 40 and not planner.model.training
    for edit in ("swap-all", "swap", "borrowed"):
        shares = found.shares(edit)
        assert sum(shares[f"answer_{what}"].mean for what in ("follows", "stays", "neither")) == pytest.approx(1)
    assert found.shares("swap")["reads"].mean == found.shares("borrowed")["reads"].mean == 1.0, (
        "a decoder reads latents alone"
    )
    assert found.matters()[2]["shift"].mean > found.matters()[1]["shift"].mean > 0


@pytest.mark.parametrize("name", ["cot", "coconut"])
def test_thoughts_that_nobody_can_read_are_refused(name):
    planner = Planner.from_pretrained(CHECKPOINTS / name)
    with pytest.raises(ValueError, match="no latents that a decoder reads"):
        causes(planner, MADE)


def test_nothing_to_measure_on_is_said():
    with pytest.raises(ValueError, match="no problems to measure on"):
        causes(tiny_planner(), [])


@pytest.mark.slow
def test_the_command_writes_table_numbers_and_figure(tmp_path, capsys):
    checkpoint = str(CHECKPOINTS / "atp-sft")
    assert main(["causes", checkpoint, "--limit", "12", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "## atp-sft" in said and "of 12 problems have a right chain" in said
    assert (tmp_path / "out/causes.md").read_text().strip() in said
    data = json.loads((tmp_path / "out/causes.json").read_text())
    expected = causes(Planner.from_pretrained(checkpoint), generate(REGIMES["clean"], "test")[:12])
    assert data == {"atp-sft": json.loads(json.dumps(expected.to_json()))}
    assert "figure-causes" in (tmp_path / "out/causes.html").read_text()
    assert main(["causes", str(CHECKPOINTS / "cot")]) == 2
    assert "no latents that a decoder reads" in capsys.readouterr().err


# --- the figure ---


@pytest.mark.slow
def test_bars_of_every_planner_are_its_shares():
    found = {"uses": causes(HandMade(uses=True), MADE), "<ignores>": causes(HandMade(uses=False), MADE).to_json()}
    fig = causes_figure(found)
    bars = {(bar.name, bar.yaxis): dict(zip(bar.y, bar.x, strict=True)) for bar in fig.data}
    assert list(bars["follows", "y"]) == ["all swapped", "one swapped", "borrowed", "typed", "noise", "same text"]
    assert bars["follows", "y"]["typed"] == 100 and bars["follows", "y"]["noise"] == 0
    assert set(bars["stays", "y2"].values()) == {100}
    typed = found["uses"].shares("typed")["answer_follows"]
    assert fig.data[0].error_x.arrayminus[3] == round(100 * (1 - typed.low), 2)
    titles = [note.text for note in fig.layout.annotations]
    assert titles[:2] == ["uses: 6 of 6 problems", "&lt;ignores&gt;: 6 of 6 problems"]
    assert fig.layout.title.text == "Does the answer follow the thoughts?"
    assert causes_figure(found, place=1).data[0].y == ("one swapped", "typed", "noise", "same text")
    for nothing in ({}, {"none": Causes(3, 0, [])}):
        with pytest.raises(ValueError, match="nothing to draw"):
            causes_figure(nothing)


def test_without_typed_thoughts_the_figure_is_still_about_the_answer():
    lent = Effect(0, "borrowed", 1, "stays", "stays", False, True, False, False, 0.0)
    fig = causes_figure({"no encoder": Causes(1, 1, [lent])})
    assert fig.layout.title.text == "Does the answer follow the thoughts?"


def test_where_the_answer_cannot_follow_the_figure_is_about_later_steps():
    hop = Effect(0, "typed", 1, None, "follows", True, True, False, True, 0.0)
    fig = causes_figure({"routes": Causes(2, 2, [hop, replace(hop, position=1, rest="stays")])})
    assert fig.layout.title.text == "Do later steps follow the thoughts?"
    assert [(bar.name, bar.x) for bar in fig.data] == [("follows", (50,)), ("stays", (50,)), ("neither", (0,))]
