"""Maps of decoded routes: what is blocked, which arrows are right, and what is said above them."""

import pytest

from atp_lite.domains import read_question
from atp_lite.views.maps import group_figure, map_figure
from atp_lite.views.palette import BLUE, VERMILLION

pytestmark = pytest.mark.slow

ROUND = read_question("3 : bb : aa to cc")


def arrows(fig, axis: str) -> list[tuple]:
    notes = [note for note in fig.layout.annotations if note.showarrow and note.xref == axis]
    return [(note.ax, note.ay, note.x, note.y, note.arrowcolor) for note in notes]


def test_hops_are_arrows_from_cell_to_cell_and_wrong_ones_are_red():
    chains = {"imitation": ["aa>ab", "ba>ca", "ca>cb", "seven"], "planner": list(ROUND.steps)}
    fig = map_figure(ROUND, chains)
    assert arrows(fig, "x") == [(0, 0, 1, 0, BLUE), (0, 1, 0, 2, VERMILLION), (0, 2, 1, 2, BLUE)]
    assert arrows(fig, "x2") == [(0, 0, 1, 0, BLUE), (1, 0, 2, 0, BLUE), (2, 0, 2, 1, BLUE), (2, 1, 2, 2, BLUE)]
    dashes = [trace.line.dash for trace in fig.data if trace.mode == "lines" and trace.xaxis == "x"]
    assert dashes == ["solid", "dot", "solid"]  # colour is not the only cue
    assert [note.text for note in fig.layout.annotations][:2] == ["imitation: does not arrive", "planner: shortest"]
    dark = [shape for shape in fig.layout.shapes if "0.65" in shape.fillcolor and shape.xref == "x"]
    assert [(shape.x0, shape.y0) for shape in dark] == [(0.54, 0.54)]  # bb, in the middle
    ends = next(trace for trace in fig.data if trace.mode == "markers")
    assert (list(ends.x), list(ends.y)) == ([0, 2], [0, 2])
    assert "2 shortest routes of 4 hops" in fig.layout.meta["caption"]


def test_the_tries_of_a_group_stand_with_their_rewards():
    fig = group_figure(ROUND, [list(ROUND.steps), ["aa>ab", "ab>aa"], [], ["aa>ab"], ["zz>yy"]], [2.0, 0.5, 0, 1, 0])
    titles = [note.text for note in fig.layout.annotations if note.text and note.text.startswith("try")]
    assert titles[0] == "try 1: shortest<br>reward 2" and titles[1] == "try 2: does not arrive<br>reward 0.5"
    assert len(titles) == 5 and arrows(fig, "x3") == [] == arrows(fig, "x5")
    with pytest.raises(ValueError, match="no chain to draw"):
        map_figure(ROUND, {})
    with pytest.raises(ValueError, match="no question about a route"):
        map_figure(read_question("3+4"), {"a": []})
