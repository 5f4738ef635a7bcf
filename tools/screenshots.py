"""Make the pictures of the live page and the explorers: `make screenshots` (needs chromium, see tools/browser.py).

Each explorer is opened on the page of `atp-lite explore`, 1280 pixels wide, in the light theme, and used once. The live
page is shown as it opens, and in a film of a dragged thought; `python -m tools.screenshots live` makes these two.
"""

from __future__ import annotations

import io
import math
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from atp_lite.recipes import DEFAULT_CHECKPOINT
from atp_lite.views.live import write_site
from tools.browser import explorers_page, launched

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "img"
WIDTH = 1280
MAX_BYTES = 200_000
MAX_FILM = 1_000_000
STEPS = 16
"""Pictures of a film on each part of its way."""


def debugger(page: Page) -> None:
    page.get_by_role("button", name="swap it in").first.click()


def coherence(page: Page) -> None:
    field = visible(page, "input[type=text]:not([list])").first
    field.fill("3+4=8")
    field.press("Enter")


def trajectories(page: Page) -> None:
    visible(page, "select").nth(1).select_option("operator")


def space(page: Page) -> None:
    """As it opens."""


def microscope(page: Page) -> None:
    """As it opens."""


def race(page: Page) -> None:
    """As it opens."""


EXPLORERS: dict[str, tuple[str, str, Callable[[Page], None]]] = {
    "debugger": ("debugger", "Latent thought debugger", debugger),
    "coherence": ("coherence", "Coherence explorer", coherence),
    "trajectories": ("trajectories", "Trajectory explorer", trajectories),
    "space": ("space", "Space quality", space),
    "microscope": ("RL microscope", "How the latents have moved", microscope),
    "race": ("race", "milliseconds", race),
}
"""File name -> tab, a text that shows it is there, and what is done with it."""


def visible(page: Page, selector: str):
    return page.locator(f"{selector} >> visible=true")


def save(raw: bytes, path: Path) -> None:
    """PNG with a palette of 256 colours: screenshots of charts lose nothing that can be seen.

    Raises:
        ValueError: it is still too large.
    """
    picture = Image.open(io.BytesIO(raw)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, optimize=True)
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, more than {MAX_BYTES}: show less on it")


def explorers(browser: Browser, folder: Path) -> None:
    """One picture for each explorer; folder: for the server's log."""
    with explorers_page(folder / "log") as address:
        page = browser.new_page(viewport={"width": WIDTH, "height": 1400}, color_scheme="light")
        page.set_default_timeout(90_000)
        page.goto(address)
        for name, (tab, sign, use) in EXPLORERS.items():
            page.get_by_role("tab", name=tab, exact=True).click()
            visible(page, f"text={sign}").first.wait_for()
            page.wait_for_timeout(3000)  # figures are fitted to the page after they are drawn
            use(page)
            page.wait_for_timeout(3000)
            panel = page.locator(".widget-tab, .jupyter-widget-tab").first
            save(panel.screenshot(), FOLDER / f"explorer-{name}.png")
            print(FOLDER / f"explorer-{name}.png")


def live_page(browser: Browser, folder: Path) -> None:
    """The page that thinks by itself as it opens, and while a thought is dragged. folder: for the page."""
    site = write_site(folder / "live.html", [DEFAULT_CHECKPOINT])
    page = browser.new_page(viewport={"width": 1280, "height": 1080}, color_scheme="light")
    page.set_default_timeout(90_000)
    page.goto(site.resolve().as_uri())
    page.get_by_text("Here the decoder reads").wait_for()
    page.wait_for_timeout(6000)  # the plane is filled from coarse to fine
    save(page.screenshot(), FOLDER / "live.png")
    film(dragged(page), FOLDER / "live.webp")
    for name in ("live.png", "live.webp"):
        print(FOLDER / name)


def dragged(page: Page) -> Iterator[tuple[Image.Image, int]]:
    """Pictures of a thought that is put back and dragged to where it was, and the milliseconds that each is shown."""
    clip = {"x": 72, "y": 345, "width": 1136, "height": 624}

    def picture(milliseconds: int) -> tuple[Image.Image, int]:
        page.wait_for_timeout(60)  # two frames: think and draw
        return Image.open(io.BytesIO(page.screenshot(clip=clip))), milliseconds

    box, ring, handle = (page.locator(s).bounding_box() for s in (".space", ".space .origin", ".space .handle"))
    (x, y), (to_x, to_y) = ((b["x"] + b["width"] / 2, b["y"] + b["height"] / 2) for b in (ring, handle))
    far = box["x"] + 0.62 * box["width"], box["y"] + 0.8 * box["height"]
    page.mouse.move(to_x, to_y)
    page.mouse.down()
    page.mouse.move(x, y)
    yield picture(1500)
    for (a_x, a_y), (b_x, b_y) in pairwise([(x, y), (to_x, to_y), far, (to_x, to_y)]):
        for i in range(1, STEPS + 1):
            share = (1 - math.cos(math.pi * i / STEPS)) / 2
            page.mouse.move(a_x + share * (b_x - a_x), a_y + share * (b_y - a_y))
            yield picture(1500 if i == STEPS else 70)
    page.mouse.up()


def film(pictures: Iterable[tuple[Image.Image, int]], path: Path) -> None:
    """An animated WebP that plays three times, three quarters as wide as the page.

    Raises:
        ValueError: it is too large.
    """
    frames, times = zip(*pictures, strict=True)
    small = [frame.convert("RGB").resize((frame.width * 3 // 4, frame.height * 3 // 4)) for frame in frames]
    small[0].save(path, save_all=True, append_images=small[1:], duration=list(times), loop=3, quality=70, method=6)
    if path.stat().st_size > MAX_FILM:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, more than {MAX_FILM}: show less in it")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, launched() as browser:
        live_page(browser, Path(folder))
        if "live" not in sys.argv[1:]:
            explorers(browser, Path(folder))


if __name__ == "__main__":
    main()
