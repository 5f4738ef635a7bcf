"""Pack a class for a room without internet: `python -m tools.classroom build/class --seed 7 [--packages]`.

student/    notebooks without solutions, the assignment, the drawings
teacher/    notebooks with solutions, docs/teaching.md, slides, the assignment's tests
live.html   planners that think in a page, for the projector or to hand out
packages/   this package as a wheel; with --packages all others of the lock too, for this system, over the network
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from atp_lite.views.live import write_site
from tools import assignment, slides
from tools.notebooks import FOLDER, write_exercises

ROOT = FOLDER.parent


def pack(out: Path, seed: int) -> None:
    """All but the packages. What was in `out` before goes.

    Raises:
        ValueError: `out` is there and is no class that was packed.
    """
    if out.exists():
        if not (out / "student").is_dir():
            raise ValueError(f"{out} is there and holds no class: name another folder")
        shutil.rmtree(out)
    assignment.write(out, seed)
    write_exercises(out / "student" / "notebooks")
    shutil.copytree(
        FOLDER, out / "teacher" / "notebooks", ignore=shutil.ignore_patterns("*.json", ".ipynb_checkpoints")
    )
    for half in ("student", "teacher"):
        for name in ("idea-*.svg", "map*.svg", "explorer-*.png"):
            for picture in (ROOT / "docs" / "img").glob(name):
                place = out / half / "docs" / "img" / picture.name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(picture, place)
        for page in ("glossary.md", "cheatsheet.md"):
            shutil.copy(ROOT / "docs" / page, out / half / "docs")
    shutil.copy(ROOT / "docs" / "teaching.md", out / "teacher" / "docs")
    write_site(out / "live.html")
    if slides.REVEAL.is_dir():
        slides.write(out / "teacher" / "slides", [])
    else:
        print(f"no slides: {slides.REVEAL} is missing; install node 20 and run `npm ci --prefix web`", file=sys.stderr)


def packages(out: Path, everything: bool) -> None:
    """This package as a wheel, and with `everything` those of the lock."""
    pip = [sys.executable, "-m", "pip"]
    place = str(out / "packages")
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", place, str(ROOT)], check=True)
    if everything:
        subprocess.run([*pip, "download", "-q", "-r", str(ROOT / "requirements.lock"), "-d", place], check=True)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.classroom")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, required=True, help="hidden numbers of the assignment are drawn with it")
    parser.add_argument("--packages", action="store_true", help="all packages of the lock too, over the network")
    given = parser.parse_args(arguments)
    pack(given.out, given.seed)
    packages(given.out, given.packages)
    print(f"packed {given.out}: student/ for everyone, teacher/ for you, packages/ to install from")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
