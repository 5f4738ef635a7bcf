"""The explorers as people meet them: in JupyterLab, as a page, and as a file without a network.

`make test-browser` runs these; they need a chromium (see tools/browser.py) and are skipped where there is none, except
where ATP_LITE_BROWSER=required.
"""

import os
import re

import nbformat
import pytest

from atp_lite.domains import ArithmeticSettings, generate, read_expression
from atp_lite.recipes import CHECKPOINTS
from atp_lite.views.export import export_bundled

pytestmark = pytest.mark.browser
required = os.environ.get("ATP_LITE_BROWSER") == "required"
if not required:
    pytest.importorskip("playwright", reason="no playwright: run make test-browser, which installs it")

from tools.browser import (  # noqa: E402
    Watched,
    chromium_path,
    explorers_page,
    jupyterlab,
    launched,
    notebook_of,
    run_all,
    until,
)

NO_CHROMIUM = "no chromium found: apt-get install chromium, or CHROMIUM=/path/to/it"
EXPLORERS = ("debugger", "coherence", "trajectories", "space", "microscope", "race")


@pytest.fixture(scope="module")
def browser():
    if chromium_path() is None:
        pytest.fail(NO_CHROMIUM) if required else pytest.skip(NO_CHROMIUM)
    with launched() as found:
        yield found


def watched(browser, offline: bool = False, height: int = 1000) -> Watched:
    page = browser.new_context(offline=offline, viewport={"width": 1280, "height": height}).new_page()
    page.set_default_timeout(60_000)
    return Watched(page)


def summary(page) -> str:
    """The debugger's line about what has changed."""
    return page.locator("div[role=status]", has_text=re.compile("changed|answer")).first.inner_text()


def changed(page, read, before, what: str):
    """Wait until what `read` gives differs from `before`."""
    return until(lambda: (now := read()) != before and now, what, page=page)


# --- a file, without a network ---


def page_of(name, folder):
    problems = [read_expression("(3+4)*(9-2)"), *generate(ArithmeticSettings(), "test", {2: 5, 3: 10, 4: 10})]
    return export_bundled(folder / f"{name}.html", name, CHECKPOINTS / "atp-rl", problems, 2).as_uri()


@pytest.mark.parametrize("name", EXPLORERS)
def test_a_page_works_without_a_network(browser, tmp_path, name):
    seen = watched(browser, offline=True)
    page = seen.page
    page.goto(page_of(name, tmp_path))
    if name != "race":  # a table
        page.wait_for_selector("#parts .js-plotly-plot .main-svg")
    page.wait_for_selector("#parts > *")

    def shown() -> str:
        return page.inner_text("#parts") + page.locator("#parts").inner_html()

    before = shown()
    sliders = page.locator("input[type=range]")
    if sliders.count():
        sliders.first.focus()
        page.keyboard.press("ArrowLeft" if sliders.first.input_value() != "0" else "ArrowRight")
    else:
        page.locator("select").last.select_option(index=1)
    after = changed(page, shown, before, "a change")
    assert "NaN" not in after
    assert seen.faults == []


def test_the_pages_debugger_moves_a_thought(browser, tmp_path):
    seen = watched(browser, offline=True)
    page = seen.page
    page.goto(page_of("debugger", tmp_path))
    page.wait_for_selector("#parts .js-plotly-plot .main-svg")
    assert "Nothing that can be read has changed" in page.inner_text("#parts .wide")
    page.locator("input[type=range]").fill("0")
    assert page.inner_text("output") == "-4"
    assert "Nothing that can be read" not in page.inner_text("#parts .wide")
    assert seen.faults == []


# --- the page that is served ---


def test_the_served_page(browser, tmp_path):
    with explorers_page(tmp_path / "voila.log") as address:
        seen = watched(browser)
        page = seen.page
        page.goto(address)
        page.wait_for_selector("text=Latent thought debugger")
        page.wait_for_selector(".js-plotly-plot .main-svg")
        move_a_thought(page)
        for tab, sign in (
            ("coherence", "Coherence explorer"),
            ("trajectories", "Trajectory explorer"),
            ("space", "Space quality"),
            ("RL microscope", "How the latents have moved"),
            ("race", "milliseconds"),
        ):
            page.get_by_role("tab", name=tab, exact=True).click()
            page.wait_for_selector(f"text={sign} >> visible=true")
        assert page.locator("text=sim-cot >> visible=true").count(), "the race shows its planners"
        assert seen.faults == []
        phone = browser.new_context(viewport={"width": 390, "height": 800}, color_scheme="dark").new_page()
        phone.set_default_timeout(60_000)
        phone.goto(address)
        phone.wait_for_selector(".js-plotly-plot .main-svg")
        assert phone.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 28)"
        phone.get_by_role("button", name="Theme: auto").click()  # a choice beats the system's theme
        assert phone.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        phone.get_by_role("button", name="Theme: light").click()
        assert phone.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 28)"
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390
        clipped = "tabs => tabs.filter(tab => tab.scrollWidth > tab.clientWidth).map(tab => tab.textContent)"
        assert phone.locator(".lm-TabBar-tabLabel").evaluate_all(clipped) == []
        assert phone.locator(".modebar").count() == 0
        assert phone.get_by_role("slider", name="axis 1").count() == 1
        assert phone.get_by_role("figure", name="The path of the latents").count() == 1
    assert "Traceback" not in (tmp_path / "voila.log").read_text()


def move_a_thought(page) -> None:
    """Slider, swap, undo, noise and bad input, in a debugger that is on the page. It opens on a swap."""
    assert "the answer went from" in summary(page)
    page.get_by_role("button", name="undo").first.click()
    until(lambda: "Nothing that can be read has changed" in summary(page), "undo of the opening", page=page)
    handle = page.locator(".widget-hslider .noUi-handle").first

    def focused() -> bool:
        """The slider keeps the focus: JupyterLab may take it back shortly after a run."""
        handle.focus()
        page.wait_for_timeout(700)
        return page.evaluate("document.activeElement.classList.contains('noUi-handle')")

    until(focused, "a slider with the focus", page=page)
    for _ in range(25):
        page.keyboard.press("ArrowRight")
    moved = f"moved {float(handle.get_attribute('aria-valuenow')):+.1f} standard deviations along axis 1"
    page.get_by_text(moved).first.wait_for()  # the kernel has thought with where the handle stands now, so undo is last
    until(lambda: "Nothing that can be read has changed" not in summary(page), "a moved thought", page=page)
    page.get_by_role("button", name="undo").first.click()
    until(lambda: "Nothing that can be read has changed" in summary(page), "undo", page=page)
    other = page.locator("input[list]").nth(1)  # where the opening put another
    other.fill("(5*(4+1))-3")
    other.press("Enter")
    page.get_by_role("button", name="swap it in").first.click()
    until(lambda: "Nothing that can be read has changed" not in summary(page), "a swapped thought", page=page)
    edited = page.locator(".js-plotly-plot").nth(3)  # what is used where, after the edit
    until(lambda: "4+1=5" in edited.text_content(), "the graph of the swapped thought", page=page)
    page.get_by_role("button", name="reset").first.click()
    until(lambda: "Nothing that can be read has changed" in summary(page), "reset", page=page)
    field = page.locator("input[list]").first
    field.fill("<script>alert(1)</script>")
    field.press("Enter")
    page.wait_for_selector("text=⚠")
    field.fill("(3+4)*(9-2)")
    field.press("Enter")
    until(lambda: page.locator("text=⚠").count() == 0, "the message to go", page=page)


# --- JupyterLab ---

CELLS = [
    """from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS, JOURNEY
from atp_lite.views.explorers import *
from atp_lite.views.bundled_examples import example_problems
from atp_lite.views.microscope import read_journey
load = lambda name: Planner.from_pretrained(CHECKPOINTS / name)
planner, sft, sim = load("atp-rl"), load("atp-sft"), load("sim-cot")
problems = example_problems(planner, {2: 20, 3: 30, 4: 30})[:40]""",
    "LatentDebugger(planner, problems)",
    "CoherenceExplorer(planner, problems)",
    "TrajectoryExplorer({'SFT': sft, 'RL': planner}, problems)",
    "SpaceExplorer({'ATP': planner, 'SIM-CoT': sim}, problems)",
    "RLMicroscope(read_journey(JOURNEY))",
    "Race({'SIM-CoT': sim, 'ATP-Latent': planner}, problems)",
]


def test_every_explorer_in_jupyterlab(browser, tmp_path):
    notebook = tmp_path / "explorers.ipynb"
    nbformat.write(notebook_of(CELLS), notebook)
    with jupyterlab(notebook) as address:
        seen = watched(browser)
        page = seen.page
        page.goto(address)
        page.wait_for_selector(".jp-Notebook")
        run_all(page, address)
        cells = page.locator(".jp-CodeCell")
        assert page.locator(".jp-OutputArea-output[data-mime-type*=stderr], .jp-RenderedError").count() == 0
        debugger, coherence, paths, space, microscope, race = (cells.nth(i) for i in range(1, 7))

        debugger.scroll_into_view_if_needed()
        page.wait_for_selector(".js-plotly-plot .main-svg")
        move_a_thought(page)
        step = debugger.locator(".widget-toggle-button.mod-active")
        assert step.first.inner_text().startswith("1")
        click_a_point(page, debugger, 1)
        until(lambda: step.first.inner_text().startswith("2"), "the clicked step", page=page)

        coherence.scroll_into_view_if_needed()
        field = coherence.locator("input[type=text]:not([list])").first  # the first decoded step
        reward = coherence.inner_text()
        field.fill("1+1=3")
        field.press("Enter")
        changed(page, coherence.inner_text, reward, "another reward")

        paths.scroll_into_view_if_needed()
        paths.locator("select").first.select_option("random directions (control)")
        until(lambda: "random direction 1" in paths.text_content(), "the control", page=page)

        space.scroll_into_view_if_needed()
        space.locator("select").first.select_option("SIM-CoT")
        until(lambda: "latents are points" in space.inner_text(), "points have no posterior", page=page)

        microscope.scroll_into_view_if_needed()
        microscope.locator(".noUi-handle").first.focus()
        page.keyboard.press("ArrowLeft")
        until(lambda: "at iteration 225" in microscope.inner_text(), "an earlier iteration", page=page)

        race.scroll_into_view_if_needed()
        assert "SIM-CoT" in race.inner_text() and "milliseconds" in race.inner_text()
        faults = [fault for fault in seen.faults if not harmless(fault)]
        assert faults == []


def test_a_live_page_in_jupyterlab_keeps_its_keys_to_itself(browser, tmp_path):
    cell = """from atp_lite.planner import Planner
from atp_lite.recipes import DEFAULT_CHECKPOINT
from atp_lite.views.explorers import LivePage
LivePage(Planner.from_pretrained(DEFAULT_CHECKPOINT))"""
    notebook = tmp_path / "live.ipynb"
    nbformat.write(notebook_of([cell]), notebook)
    with jupyterlab(notebook) as address:
        seen = watched(browser)
        page = seen.page
        page.goto(address)
        page.wait_for_selector(".jp-Notebook")
        run_all(page, address)
        page.wait_for_selector(".space:not(.coarse)")
        before = page.inner_text(".chain")
        page.locator(".handle").focus()
        for key in ("Shift+ArrowLeft", "a", "b"):  # JupyterLab inserts a cell for a letter
            page.keyboard.press(key)
        until(lambda: page.inner_text(".chain") != before, "another chain", page=page)
        page.fill("#question", "(3+4)*2")
        page.keyboard.press("Enter")
        until(lambda: "7*2=14" in page.inner_text(".chain"), "another question", page=page)
        assert page.locator(".jp-Cell").count() == 1
        assert [fault for fault in seen.faults if not harmless(fault)] == []


def harmless(fault: str) -> bool:
    """JupyterLab's own noise: it asks for settings and workspaces that are not there yet."""
    return bool(re.search(r"^console: Failed to load resource.*404", fault))


def click_a_point(page, cell, index: int) -> None:
    """Click a point of the first trace of the cell's first figure."""
    point = cell.locator(".js-plotly-plot").first.locator(".scatterlayer .trace").first.locator(".point").nth(index)
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2 - 3, box["y"] + box["height"] / 2)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(300)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
