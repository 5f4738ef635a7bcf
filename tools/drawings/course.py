"""The map of the course, as it is, and with "you are here" for each notebook."""

from __future__ import annotations

from tools.drawings.hand import Sketch

ROOMS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("look", (("00", "tour"), ("01", "problems"))),
    (
        "imitate",
        (("02", "words"), ("03", "latents"), ("04", "clouds"), ("04b", "see the step"), ("05", "when to stop")),
    ),
    ("read", (("06", "seeing"), ("07", "coherence"), ("07b", "a verifier"))),
    ("plan", (("08", "planning"), ("08b", "chains"), ("09", "does it hold?"))),
    (
        "go on",
        (
            ("10", "language"),
            ("10b", "pretrained"),
            ("11", "LLaMA-1B"),
            ("12", "your reward"),
            ("12b", "backbone"),
            ("12c", "domain"),
            ("13", "silent bugs"),
        ),
    ),
)
"""What is done, and in which notebooks."""


def course_map(here: str = "") -> Sketch:
    """here: the number of the notebook that is read, or nothing."""
    places = dict(place for _, places in ROOMS for place in places)
    said = f"You are in {here}, {places[here]}. " if here else ""
    names = ", ".join(f"{number} {name}" for number, name in places.items())
    s = Sketch("Map of the course", f"{said}The notebooks in their order: {names}.", 0)
    y, last = 14.0, None
    for room, inside in ROOMS:
        s.say(16, y + 23, room, look="name")
        for i, (number, name) in enumerate(inside):
            x, top = 104 + 168 * (i % 2), y + 50 * (i // 2)
            found = number == here
            if last is not None:
                beside = f"M{last[0] + 152} {last[1] + 17} H{x - 3}"
                below = f"M{last[0] + 76} {last[1] + 34} V{(last[1] + 34 + top) / 2 - 2:g} H{x + 76} V{top - 3}"
                s.arrow(beside if last[1] == top else below)
            s.box(x, top, 152, 34, f"{'▶ ' if found else ''}{number} {name}", kind="thought" if found else "part")
            last = (x, top)
        y += 50 * ((len(inside) + 1) // 2) + 8
    s.height = round(y + 4)
    if here:
        s.say(16, y + 14, "▶ you are here", look="soft")
        s.height += 24
    return s
