"""The live pages that draw maps, as people meet them: from disk, without a network."""

import json
import os

import pytest

from atp_lite.recipes import CHECKPOINTS
from atp_lite.views import live

pytestmark = pytest.mark.browser
required = os.environ.get("ATP_LITE_BROWSER") == "required"
if not required:
    pytest.importorskip("playwright", reason="no playwright: run make test-browser, which installs it")

from tools.browser import Watched, chromium_path, launched, until  # noqa: E402

PLANNERS = ("routes-plan", "routes-sft", "atp-step", "cot")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The page of a site with planners for maps, and two racers."""
    folder = tmp_path_factory.mktemp("site")
    return live.write_site(folder, [CHECKPOINTS / name for name in PLANNERS]).as_uri()


@pytest.fixture(scope="module")
def browser():
    if chromium_path() is None:
        pytest.fail("no chromium") if required else pytest.skip("no chromium")
    with launched() as found:
        yield found


@pytest.fixture
def opened(browser, site):
    """Opens a link of the site; whatever goes wrong on it fails the test."""
    seen = []

    def go(link, width=1280, theme="light"):
        viewport = {"width": width, "height": 900}
        context = browser.new_context(offline=True, viewport=viewport, color_scheme=theme)
        page = context.new_page()
        page.set_default_timeout(300_000)
        seen.append(Watched(page))
        page.goto(f"{site}#{link}")
        page.wait_for_selector("h1")
        return page

    yield go
    for watched in seen:
        assert watched.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert not watched.faults
        watched.page.context.close()


def verdicts(page):
    return [text[0] for text in page.locator(".verdict").all_text_contents()]


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (800, "dark"), (390, "light")])
def test_route_opens_where_imitation_fails_and_planning_arrives(opened, width, theme):
    page = opened("route", width, theme)
    assert verdicts(page) == ["✗", "✓"]
    assert "There are 12 such routes" in page.inner_text(".facts")
    assert page.inner_text(".warning") == ""
    card = json.loads((CHECKPOINTS / "routes-plan/card.json").read_text(encoding="utf-8"))
    rate = card["evaluation"]["metrics"]["arrives"]["mean"]
    assert f"It arrives on {100 * rate:.0f} % of its test maps." in page.locator(".side .how").all_text_contents()[1]
    imitation, planning = (page.locator(".map").nth(i) for i in (0, 1))
    if width < 640:  # one at a time, in the same place
        assert imitation.is_visible() and not planning.is_visible()
        page.get_by_role("button", name="✓ Planning").click()
        assert planning.is_visible() and not imitation.is_visible()
        assert page.inner_text(".inside h2") == "Inside thought 2 of planning"
        page.get_by_role("button", name="✗ Imitation").click()
    assert imitation.locator(".map-arrow.wrong").count() == 1 and planning.locator(".map-arrow.wrong").count() == 0
    assert imitation.locator(".map-arrow.also").count() > 5


def test_a_thought_that_means_another_hop_bends_the_route_and_comes_back(opened):
    page = opened("route")
    hops = page.locator(".side").nth(1).locator(".thoughts .mono")
    before = hops.all_inner_texts()
    page.locator(".picks button", has_text="ca").click()
    after = hops.all_inner_texts()
    assert before[1] == "ba→bb" and after[1:3] == ["ba→ca", "ca→cb"]  # the next hop goes on from the new one
    assert "ba → bb became ba → ca" in page.inner_text(".inside p[role=status]")
    again = opened(page.url.split("#")[1])
    assert again.locator(".side").nth(1).locator(".thoughts .mono").all_inner_texts() == after  # the link holds it
    page.click("text=undo the edit")
    assert hops.all_inner_texts() == before


def test_the_dot_is_dragged_by_mouse_and_by_keys(opened):
    page = opened("route")
    plane = page.locator("canvas.plane")
    box = plane.bounding_box()
    page.mouse.move(box["x"] + 90, box["y"] + box["height"] - 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + 20, steps=6)
    page.mouse.up()
    until(lambda: "became" in page.inner_text(".inside p[role=status]"), "another reading", page=page)
    plane.press("Home")
    assert "Moved, and still read" in page.inner_text(".inside p[role=status]")
    plane.press("ArrowLeft")
    assert "at=" in page.url


def test_a_badge_is_a_thought_to_look_into_and_the_map_is_undone(opened):
    page = opened("route")
    link = page.url
    page.locator(".map").first.locator("[data-thought='5']").click()
    assert page.inner_text(".inside h2") == "Inside thought 5 of imitation"
    undo = page.get_by_role("button", name="undo", exact=True)
    assert undo.is_disabled() and page.inner_text(".warning") == ""  # no wall was built
    cell = page.locator(".map").first.locator
    cell("[data-cell=cd]").click()
    cell("[data-cell=aa]").drag_to(cell("[data-cell=ca]"))  # over ba: one stroke
    assert cell("[data-cell=ca]").get_attribute("data-is") == "start"
    undo.click()
    assert cell("[data-cell=aa]").get_attribute("data-is") == "start"
    assert cell("[data-cell=cd]").get_attribute("data-is") == "wall"
    undo.click()
    assert undo.is_disabled() and page.url.split("&side")[0] == link.split("&side")[0]


def test_walls_and_ends_are_moved_by_mouse_and_by_keys(opened):
    page = opened("route")
    cell = page.locator(".map").first.locator
    cell("[data-cell=cc]").click()
    assert cell("[data-cell=cc]").get_attribute("data-is") == "wall" and "this one has 6" in page.inner_text(".warning")
    cell("[data-cell=cc]").press("Enter")
    assert page.inner_text(".warning") == ""
    cell("[data-cell=aa]").drag_to(cell("[data-cell=ce]"))
    assert cell("[data-cell=ce]").get_attribute("data-is") == "start"
    cell("[data-cell=ce]").press("Shift+ArrowDown")
    assert cell("[data-cell=de]").get_attribute("data-is") == "start"
    cell("[data-cell=de]").press("ArrowUp")
    assert page.evaluate("document.activeElement.dataset.cell") == "ce"
    page.keyboard.press("g")
    assert "one hop is new to them" in page.inner_text(".warning")


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("5 : ab ba da dd ea : aa to ec", "cannot say “there is no route”"),
        ("5 : ba bb bc bd de : aa to ca", "10 is new to them"),
        ("4 : ab : aa to dd", '"4" is not in this planner'),
        ("nowhere", "is no question about a route"),
    ],
)
def test_what_the_planners_cannot_do_is_said(opened, question, message):
    page = opened("route")
    page.fill("#question", question)
    page.locator("#question").press("Enter")
    assert message in page.inner_text(".warning")


def test_words_need_more_passes_than_thoughts(opened):
    page = opened("race?q=(3%2B4)*(9-2)", 390, "dark")
    page.click("text=to the end")
    passes = [int(text) for text in page.locator(".count b").all_inner_texts()]
    assert passes == [20, 5]  # 19 tokens and the end; 3 thoughts, the answer and the end
    assert page.locator(".result").all_inner_texts() == 2 * ["✓ answer 49✓ steps right"]
    assert page.inner_text(".conclusion") == "Same answer, all right: Words after 20, Planner after 5 passes."
    page.fill("#problem", "3+(4*x)")
    page.locator("#problem").press("Enter")
    assert '"x" cannot stand there' in page.inner_text(".alert")
    assert page.locator(".count b").all_inner_texts() == ["20", "5"]  # the last race stays


def test_a_step_out_of_its_place_says_why(browser, tmp_path):
    file = live.write_site(tmp_path / "race.html", [CHECKPOINTS / "atp-sft"])
    page = browser.new_page(reduced_motion="reduce")
    page.goto(f"{file.as_uri()}#race?q=(3%2B4)*(9-2)")
    page.wait_for_selector(".page-race .step")
    assert page.locator(".step").all_inner_texts() == [
        "✓ 3+4=7",
        "✗ 3+4=7\nsaid twice",
        "✗ 7*7=49\nbefore 9-2=7, which it builds on",
    ]
    page.close()


def test_eight_stops_have_the_planners_numbers(opened):
    page = opened("how?q=(3%2B4)*(9-2)")
    assert page.locator(".stop").count() == 8
    assert page.locator(".stop").first.locator(".line").count() == 12  # eleven tokens, and the one that begins thinking
    assert page.locator(".cloud .mu").count() == 2 * 64
    assert page.locator(".answer").first.inner_text().endswith("49")
    assert page.locator("tbody tr").count() == 8
    page.click(".rail button:last-child")
    until(lambda: page.locator(".rail [aria-current]").inner_text() == "8", "the last stop", page=page)


def test_one_update_is_a_group_of_eight_tries(opened):
    page = opened("watch", 390, "dark")
    page.locator("#pace").fill("4")
    page.click("text=one update")
    until(lambda: "After 1 update:" in page.inner_text(".counts"), "an update", page=page)
    rewards = [float(text.split()[1]) for text in page.locator(".tries p span").all_inner_texts()]
    assert len(rewards) == 8 and all(0 <= reward <= 2 for reward in rewards)
    signs = [page.locator(".tries li").nth(i).get_attribute("data-sign") for i in range(8)]
    mean = sum(rewards) / 8
    assert all(sign == str((reward > mean) - (reward < mean)) for sign, reward in zip(signs, rewards, strict=True))
    page.click("text=forget it all")
    assert "After" not in page.inner_text(".counts")
