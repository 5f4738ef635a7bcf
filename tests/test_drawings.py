"""The drawings of the course: what is committed is what the script draws, and no text leaves its box."""

import os
from pathlib import Path

import pytest

from tools.drawings.all import OUT, drawings
from tools.drawings.course import ROOMS
from tools.drawings.hand import WIDTH
from tools.notebooks import number_of

ROOT = Path(__file__).resolve().parents[1]
FONTS = ("", "DejaVu Sans")
"""What the system takes, and the widest of the fonts that it may fall back to."""
PHONE = 390 - 2 * 16
"""Pixels that a picture has on a phone."""
MEASURE = """
() => {
  const box = e => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom] }
  const rects = [...document.querySelectorAll('rect:not(.page):not(.cell)')].map(e => [box(e), e])
  return [...document.querySelectorAll('text')].map(e => ({
    said: e.textContent,
    at: box(e),
    own: e.closest('g.box') && box(e.closest('g.box').querySelector('rect')),
    others: rects.filter(([, r]) => r.parentNode !== e.parentNode).map(([b]) => b),
    size: parseFloat(getComputedStyle(e).fontSize),
    fill: getComputedStyle(e).fill,
    page: getComputedStyle(document.querySelector('.page')).fill,
  }))
}
"""
WITH_FONT = "font => document.querySelectorAll('text:not(.code)').forEach(e => e.style.fontFamily = font)"


def test_what_is_committed_is_what_is_drawn():
    drawn = drawings()
    there = {
        path.name: path.read_text(encoding="utf-8") for kind in ("idea-*", "map*") for path in OUT.glob(f"{kind}.svg")
    }
    assert there == drawn, "python -m tools.drawings"


def test_the_map_has_every_notebook_once_and_in_order():
    numbers = [place for _, places in ROOMS for place, _ in places]
    assert numbers == [number_of(path.stem) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]


def within(inner: list[float], outer: list[float], margin: float) -> bool:
    (x0, y0, x1, y1), (left, top, right, bottom) = inner, outer
    return x0 >= left + margin and x1 <= right - margin and y0 >= top and y1 <= bottom


def apart(one: list[float], two: list[float]) -> bool:
    return one[2] <= two[0] or two[2] <= one[0] or one[3] <= two[1] or two[3] <= one[1]


def luminance(rgb: str) -> float:
    """Relative luminance of `rgb(r, g, b)`, WCAG 2."""
    channels = [int(part) / 255 for part in rgb.removeprefix("rgb(").rstrip(")").split(",")]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_text_leaves_its_box_or_meets_another(scheme):
    if os.environ.get("ATP_LITE_BROWSER") != "required":
        pytest.importorskip("playwright", reason="no playwright: run make test-browser, which installs it")
    from tools.browser import chromium_path, launched

    if chromium_path() is None:
        pytest.skip("no chromium found: apt-get install chromium, or CHROMIUM=/path/to/it")
    with launched() as browser:
        page = browser.new_context(viewport={"width": WIDTH, "height": 700}, color_scheme=scheme).new_page()
        for name in drawings():
            page.goto((OUT / name).as_uri())
            for font in FONTS:
                if font:
                    page.evaluate(WITH_FONT, font)
                found = page.evaluate(MEASURE)
                assert len(found) >= 5, name
                for text in found:
                    said = f"{name}: {text['said']!r}"
                    assert within(text["at"], [0, 0, WIDTH, 1e9], 10), f"{said} leaves the page"
                    assert text["own"] is None or within(text["at"], text["own"], 4), f"{said} leaves its box"
                    others = [r for r in text["others"] if not apart(text["at"], r) and not within(text["at"], r, 4)]
                    assert others == [], f"{said} crosses a box"
                    assert text["size"] * PHONE / WIDTH >= 12, f"{said} is small on a phone"
                    lights = sorted(map(luminance, (text["fill"], text["page"])))
                    assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.5, f"{said} is faint"
                for i, one in enumerate(found):
                    for two in found[i + 1 :]:
                        assert apart(one["at"], two["at"]), f"{name}: {one['said']!r} on {two['said']!r}"
