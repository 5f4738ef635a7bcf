"""The live site as people meet it: from disk, with the network cut. `make test-browser` runs these."""

from __future__ import annotations

import json
import os
import statistics
from pathlib import Path

import pytest

from atp_lite.model import LatentReasoner
from atp_lite.planner import ModelSettings, Planner
from atp_lite.recipes import CHECKPOINTS
from atp_lite.views import live
from atp_lite.views.explorers import LivePage

pytestmark = pytest.mark.browser
required = os.environ.get("ATP_LITE_BROWSER") == "required"
if not required:
    pytest.importorskip("playwright", reason="no playwright: run make test-browser, which installs it")

from tools.browser import Watched, chromium_path, launched, until  # noqa: E402

AXE = Path(__file__).parents[1] / "web/node_modules/axe-core/axe.min.js"
WAIT = 300_000
"""Milliseconds after which a page is taken to hang."""
OUTSIDE = """() => {
  const clipped = [];
  for (const node of document.querySelectorAll("#site *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || !node.checkVisibility() || node.matches(".unseen, .skip, option")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const text = range.getBoundingClientRect();
    const frame = node.closest(".space, button, td, th")?.getBoundingClientRect();
    const beyond = (box) => text.left < box.left - 1 || text.right > box.right + 1;
    if (beyond({ left: 0, right: innerWidth }) || (frame && beyond(frame))) clipped.push(node.textContent.trim());
  }
  return clipped;
}"""
"""Texts that reach out of the window, or sideways out of the map, button or cell that they stand in."""
COLLIDING = """() => {
  const names = [...document.querySelectorAll(".names span")];
  const boxes = names.map((node) => [node.textContent, node.getBoundingClientRect()]);
  return boxes.flatMap(([a, x], i) => boxes.slice(i + 1).filter(([, y]) =>
    x.left < y.right && y.left < x.right && x.top < y.bottom && y.top < x.bottom).map(([b]) => [a, b]));
}"""


@pytest.fixture(scope="module")
def browser():
    if chromium_path() is None:
        pytest.fail("no chromium found") if required else pytest.skip("no chromium found: apt-get install chromium")
    with launched() as found:
        yield found


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> str:
    """The default site: a folder with every bundled planner."""
    return live.write_site(tmp_path_factory.mktemp("site")).as_uri()


def opened(browser, address: str, width: int = 1280, scheme: str = "light", **options) -> Watched:
    """A page of the site when it is ready; *Move a thought* when its map is drawn finely enough to be read."""
    size = {"width": width, "height": 900}
    context = browser.new_context(offline=True, viewport=size, color_scheme=scheme, has_touch=width < 500, **options)
    seen = Watched(context.new_page())
    seen.page.set_default_timeout(WAIT)
    seen.page.goto(address)
    seen.page.wait_for_function("performance.getEntriesByName('mounted').length > 0")
    if seen.page.locator(".page-move").count():
        seen.page.wait_for_selector(".space:not(.coarse)")
    return seen


def answers(page) -> list[str]:
    return page.locator(".chain .answer b").all_inner_texts()


@pytest.mark.parametrize("name", ["move", "route", "watch", "race", "how"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 800, 390])
def test_nothing_is_clipped_or_hard_to_reach(browser, site, width, scheme, name):
    seen = opened(browser, f"{site}#{name}", width, scheme, reduced_motion="reduce")
    page = seen.page
    assert page.locator(".tabs a").count() == 5
    lines = {tab.bounding_box()["y"] for tab in page.locator(".tabs a").all()}
    assert len(lines) <= 2  # of tabs
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate(COLLIDING) == []
    if AXE.exists() or required:
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document).then((result) => result.violations)")
        serious = [
            (each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")
        ]
        assert serious == []
    assert seen.faults == []
    page.context.close()


def test_opens_on_a_thought_that_is_a_cause(browser, site):
    seen = opened(browser, site)
    before, after = answers(seen.page)
    assert before != after
    assert "the thought is a cause" in seen.page.inner_text(".verdict")
    assert seen.page.inner_text(".chain .truth td") == before  # the planner is right before, and says so
    seen.page.context.close()


def test_a_thought_is_moved_and_put_back(browser, site):
    seen = opened(browser, site)
    page = seen.page
    opening = page.inner_text(".chain")
    box, dot = page.locator(".space").bounding_box(), page.locator(".handle").bounding_box()
    page.mouse.move(dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2)
    page.mouse.down()
    for share in (0.9, 0.7, 0.5, 0.3):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 0.85 * box["height"])
        page.wait_for_timeout(50)
    page.mouse.up()
    until(lambda: page.inner_text(".chain") != opening, "another chain", page=page)
    dragged = page.inner_text(".bubble")
    assert page.inner_text(".chain .moved td:last-child .mono") == dragged
    link = page.url
    page.get_by_role("button", name="undo").click()
    assert page.inner_text(".chain") == opening

    handle = page.locator(".handle")  # the keyboard alone
    handle.focus()
    where = handle.bounding_box()
    page.keyboard.press("Shift+ArrowLeft")
    assert handle.bounding_box()["x"] < where["x"]
    page.keyboard.press("Escape")
    assert len(set(answers(page))) == 1 and page.locator(".chain .changed").count() == 0

    page.locator(".mark").last.press("Enter")  # a real thought about another question
    assert page.inner_text(".bubble") == page.locator(".mark").last.inner_text()
    page.get_by_label("Swap with").select_option(index=5)
    assert "swapped" in page.inner_text(".edits")
    page.get_by_role("button", name="add noise").click()
    assert "with noise" in page.inner_text(".edits")
    noisy = page.inner_text(".chain")

    for address, chain in ((link, dragged), (page.url, None)):  # the link holds the state
        again = opened(browser, address)
        assert again.page.inner_text(".bubble") == chain if chain else again.page.inner_text(".chain") == noisy
        again.page.context.close()
    assert seen.faults == []
    page.context.close()


def test_a_thought_that_was_not_moved_says_what_moved_it(browser, site):
    seen = opened(browser, site)
    page = seen.page
    page.get_by_label("or type a thought").fill("8+9=17")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Thought 2", exact=True).click()
    said = page.inner_text(".verdict")
    assert said.startswith("Thought 2 changed because you moved thought 1: it now reads 17*2=34.")
    assert "the answer 34. That is what the planner went on to think: the thought is a cause." in said
    assert page.inner_text("#around") == "Around thought 2, after your edit of thought 1"
    assert not page.locator(".origin").is_visible()  # the dot is where its thought comes from
    page.get_by_label("or type a thought").fill("17+3=20")  # both are moved now
    page.keyboard.press("Enter")
    assert "From your edits follows the answer 20. That is what" in page.inner_text(".verdict")
    page.get_by_role("button", name="Thought 1", exact=True).click()
    page.get_by_role("button", name="add noise").click()
    page.get_by_role("button", name="add noise").click()
    assert "Moved by 2 draws from its cloud" in page.inner_text(".verdict")
    assert seen.faults == []
    page.context.close()


def test_every_page_leads_to_the_next(browser, site):
    seen = opened(browser, site)
    page = seen.page
    for name in ("route", "watch", "race", "how", "move"):
        page.locator(".next a").click()
        until(lambda: page.locator(f".page-{name} h1").count() == 1, name, page=page)  # noqa: B023
    assert page.locator(".foot a").get_attribute("href") == "https://arxiv.org/abs/2601.21598"
    assert seen.faults == []
    page.context.close()


def test_on_a_phone_map_and_thoughts_are_seen_together(browser, site):
    seen = opened(browser, site, width=390)
    chain, space = (seen.page.locator(each).bounding_box() for each in (".chain", ".space"))
    assert space["y"] + space["height"] < 850  # the height of such a phone
    assert space["y"] < chain["y"]
    assert chain["y"] + chain["height"] - space["y"] < 664  # what it shows below its address bar
    assert seen.page.inner_text(".bubble") == f"9+7=16, answer {answers(seen.page)[1]}"
    assert not seen.page.get_by_role("button", name="picture", exact=True).is_visible()
    seen.page.get_by_role("button", name="Theme, link and picture").click()
    assert seen.page.get_by_role("button", name="picture", exact=True).is_visible()
    seen.page.context.close()


@pytest.mark.parametrize(
    ("question", "said", "thinks"),
    [
        ("3+4", "this takes 1 step", True),
        ("((1+2)+3)+((4+5)+6)", "this takes 5 steps", True),
        ("(9*9)+1", "the way leads over 81 and 82", True),
        ("2*(7-9)", "The right answer is -4", True),
        ("(60+2)*1", "60 is not among its words", False),
        ("3+x", "What is shown is still (5+9)*2", False),
        ("(3+4", "The question ends too early", False),
    ],
)
def test_says_what_it_cannot_do(browser, site, question, said, thinks):
    seen = opened(browser, site)
    page = seen.page
    page.fill("#question", question)
    page.keyboard.press("Enter")
    assert said in page.locator(".problem").first.inner_text()
    assert page.locator(".working.stale").is_visible() is not thinks  # what was shown stays, in grey
    assert seen.faults == []
    page.context.close()


def test_a_question_without_parentheses_is_read_with_them(browser, site):
    seen = opened(browser, site)
    page = seen.page
    page.fill("#question", "2*3*4")
    page.keyboard.press("Enter")
    assert page.inner_text(".reads").startswith("Read as (2*3)*4")
    assert answers(page) == ["24", "24"] and page.inner_text(".chain .word td") == "2 of 2 right"
    page.goto(f"{site}#race?q=2*3*4")
    page.get_by_role("button", name="to the end").click()
    assert page.inner_text(".conclusion").startswith("Same answer, all right")
    page.fill("#problem", "(8+9)*(7-2)")
    page.keyboard.press("Enter")
    assert "the way leads over 85" in page.inner_text(".alert")
    assert seen.faults == []
    page.context.close()


def test_picture_theme_and_link(browser, site, tmp_path):
    seen = opened(browser, site)
    page = seen.page
    with page.expect_download() as download:
        page.get_by_role("button", name="picture").click()
    download.value.save_as(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.get_by_role("button", name="Theme").click(click_count=2)
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") != light
    assert seen.faults == []
    page.context.close()


def test_a_typed_step_counts_as_it_was_typed(browser, site):
    seen = opened(browser, f"{site}#move?planner=atp-step")
    page = seen.page
    assert "We moved it to begin with" in page.inner_text(".verdict")
    question = page.input_value("#question")
    assert question == "(5+9)*2"
    for typed, problem in (
        ("5+x", "“5+x” is no step"),
        ("5+9=99", "It has no word for 99: it knows only numbers up to 49."),
    ):
        page.get_by_label("or type a thought").fill(typed)
        page.keyboard.press("Enter")
        assert problem in page.inner_text(".type .problem")
    page.get_by_label("or type a thought").fill("5+9=15")  # wrong, and the decoder reads it as it would be right
    page.keyboard.press("Enter")
    said = page.inner_text(".verdict")
    assert said.startswith("You typed 5+9=15. The decoder reads 5+9=14") and "We moved it" not in said
    assert "From what you typed follows 15*2=30, then the answer 30." in said and "the thought is a cause" in said
    assert "5+9=15" in page.inner_text(".edits") and page.inner_text(".type .problem") == ""
    assert seen.faults == []
    page.context.close()


def test_one_file_of_a_planner_that_takes_typed_thoughts(browser, tmp_path):
    small = ModelSettings(hidden_size=32, layers=2, heads=4, intermediate_size=48, max_latents=4)
    fresh = Planner.fresh("arithmetic", small)
    fresh.model.config.step_encoder = {}
    Planner(LatentReasoner(fresh.model.config), fresh.tokenizer).save_pretrained(tmp_path / "step")
    file = live.write_site(tmp_path / "one.html", [tmp_path / "step"])
    seen = opened(browser, file.as_uri())
    page = seen.page
    page.get_by_label("or type a thought").fill("3+4=7")
    page.keyboard.press("Enter")
    assert "typed" in page.inner_text(".edits")
    assert page.locator(".mark").first.inner_text() == "3+4=7"
    assert seen.faults == []
    page.context.close()


def test_a_planner_without_a_step_encoder_takes_no_typed_thought(browser, site):
    seen = opened(browser, f"{site}#move?planner=atp-sft")
    assert seen.page.get_by_label("or type a thought").is_disabled()
    assert "This network has no encoder" in seen.page.inner_text(".type")
    seen.page.context.close()


MOUNT = """async ([code, state]) => {
  const bytes = (value) => new DataView(Uint8Array.from(atob(value), (char) => char.charCodeAt(0)).buffer);
  for (const { packed } of state.planners)
    for (const part of [packed.checkpoint, packed.landmarks]) part.data = bytes(part.data);
  globalThis.sent = [];
  const model = { get: (name) => state[name], set: (name, value) => { state[name] = value; },
                  save_changes: () => sent.push(state.state) };
  const esm = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  globalThis.stop = await esm.default.render({ model, el: document.getElementById("output") });
}"""
"""Do with the module what anywidget does: `sent` is what the kernel hears."""


@pytest.mark.parametrize("width", [900, 390])
def test_in_a_notebook_the_kernel_hears_of_a_drag_when_it_is_over(browser, width):
    shown = LivePage(Planner.from_pretrained(CHECKPOINTS / "atp-step"), state={"q": "(5+9)*2"})
    state = json.loads(json.dumps(shown.get_state(["page", "planners", "state", "_style"]), default=live.in_base64))
    seen = Watched(browser.new_context(offline=True, viewport={"width": width, "height": 900}).new_page())
    page = seen.page
    page.set_default_timeout(WAIT)
    page.set_content("<body style='margin: 0; background: #fff'><p>a cell</p><div id='output'></div>")
    page.evaluate(MOUNT, [shown._esm, state])
    page.wait_for_selector(".space:not(.coarse)")
    assert page.locator("header").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    said = page.evaluate("sent.length")
    box, dot = page.locator(".space").bounding_box(), page.locator(".handle").bounding_box()
    before = answers(page)
    page.mouse.move(dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2)
    page.mouse.down()
    for share in (0.4, 0.6, 0.8):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 0.3 * box["height"])
        page.wait_for_timeout(50)
    until(lambda: answers(page)[1] != before[1], "another answer", page=page)
    assert page.evaluate("sent.length") == said
    page.mouse.up()
    assert page.evaluate("sent.length") == said + 1 and page.evaluate("sent.at(-1)")["q"] == "(5+9)*2"

    page.evaluate("document.body.style.background = '#111'")
    ground = "getComputedStyle(document.querySelector('#output > div')).backgroundColor"
    until(lambda: page.evaluate(ground) == "rgb(18, 22, 26)", "the dark theme", page=page)
    page.evaluate("stop()")
    assert seen.faults == []
    page.context.close()


def test_how_fast_it_is(browser, site, capsys):
    """Printed, not asserted: a machine may be busy. `-s` shows it."""
    ready = []
    for _ in range(3):
        seen = opened(browser, site)
        ready.append(seen.page.evaluate("performance.getEntriesByName('mounted')[0].startTime"))
        if len(ready) < 3:
            seen.page.context.close()
    page = seen.page
    handle = page.locator(".handle")
    handle.focus()
    for i in range(40):
        handle.press("ArrowLeft" if i % 2 else "ArrowRight")
    moves = page.evaluate("performance.getEntriesByName('thought anew').map((entry) => entry.duration)")
    assert len(moves) == 40
    with capsys.disabled():
        print(
            f"\nready after {statistics.median(ready):.0f} ms; a move thought anew and drawn in "
            f"{statistics.median(moves):.1f} ms (median), {sorted(moves)[-1]:.1f} ms (longest of {len(moves)})"
        )
    page.context.close()
