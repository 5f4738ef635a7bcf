"""Build the wheel, install it into a fresh environment, and use it from a folder that is not the repository.

    python -m tools.wheel_test

Nothing is fetched: the environment sees the packages of the one that runs this, behind its own.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 600.0
"""Seconds until the page must answer; a quiet computer takes ten."""
MOST_MEGABYTES = 20.0
TOKEN = "wheel"


def build(folder: Path) -> Path:
    """The wheel of this checkout."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """Make an environment in `folder` with the wheel in it; its folder of programs."""
    venv.create(folder, symlinks=True)
    programs = folder / "bin"
    python = programs / "python"
    place = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    Path(place, "packages.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--force-reinstall", str(wheel)], check=True)
    return programs


def environment() -> dict[str, str]:
    """Ours without PYTHONPATH, with Jupyter's own files, which lie beside the packages that are seen."""
    mine = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    own = {"JUPYTER_PATH": "share/jupyter", "JUPYTER_CONFIG_PATH": "etc/jupyter"}
    return mine | {name: str(Path(sys.prefix, path)) for name, path in own.items()} | {"JUPYTER_TOKEN": TOKEN}


def answers(command: list[str], port: int, folder: Path) -> str:
    """Start a server, ask it until it answers, and stop it as Ctrl-C would; the page.

    Raises RuntimeError where it ends before, or does not answer in time; the message has what it printed.
    """
    log = folder / "server.log"
    with log.open("w", encoding="utf-8") as file:
        server = subprocess.Popen(
            command, cwd=folder, env=environment(), stdout=file, stderr=file, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
    try:
        until = time.monotonic() + PATIENCE
        while server.poll() is None and time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/?token={TOKEN}", timeout=PATIENCE) as page:
                    return page.read().decode()
            except urllib.error.URLError:
                time.sleep(0.5)
        raise RuntimeError(f"{' '.join(command)} gave no page:\n{log.read_text(encoding='utf-8')}")
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGINT)
        server.wait(timeout=PATIENCE)


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


def main() -> int:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        wheel = build(folder)
        size = wheel.stat().st_size / 1e6
        print(f"{wheel.name}: {size:.1f} MB", flush=True)
        if size > MOST_MEGABYTES:
            raise ValueError(f"the wheel is larger than {MOST_MEGABYTES:.0f} MB: see `bundled` in pyproject.toml")
        program = str(install(wheel, folder / "env") / "atp-lite")
        elsewhere = folder / "elsewhere"
        elsewhere.mkdir()

        def said(*arguments: str) -> str:
            start = time.monotonic()
            done = subprocess.run(
                [program, *arguments], cwd=elsewhere, env=environment(), text=True, stdout=subprocess.PIPE
            )
            print(f"atp-lite {' '.join(arguments)}: {time.monotonic() - start:.0f} s", flush=True)
            if done.returncode:
                raise RuntimeError(f"exit status {done.returncode}:\n{done.stdout}")
            return done.stdout

        def expect(part: str, text: str) -> None:
            if part not in text:
                raise RuntimeError(f"expected {part!r} in:\n{text}")

        expect(str(folder / "env"), said("doctor"))  # the checkpoints are those of the wheel
        expect("14", said("solve", "(3+4)*2"))
        expect("parameters in the backbone", said("plan"))
        expect("parameters in the backbone", said("plan", "configs/llama-1b-lora-24gb.yaml"))
        port = free_port()
        page = answers([program, "explore", "--no-browser", "--port", str(port)], port, elsewhere)
        expect("application/vnd.jupyter.widget-view+json", page)  # the cell ran
        print(f"atp-lite explore: a page of {len(page) / 1e3:.0f} kB", flush=True)
        if left := [path.name for path in elsewhere.iterdir() if path.name != "server.log"]:
            raise RuntimeError(f"left behind: {left}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
