"""A real browser for tests and screenshots: the system's chromium, driven by Playwright, and pages served to it.

Needs a chromium: on Debian `apt-get install chromium`, elsewhere CHROMIUM=/path/to/it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
)
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
TOKEN = "explorers"
HOME = "127.0.0.1"


def chromium_path() -> str | None:
    """Where a chromium or chrome is, or None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def launched() -> Iterator[Browser]:
    """A browser without a window.

    Raises:
        FileNotFoundError: there is no chromium.
    """
    path = chromium_path()
    if path is None:
        raise FileNotFoundError("no chromium found: install it (Debian: apt-get install chromium) or set CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS.split())
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """What went wrong on a page: errors in its console, exceptions, and requests to other computers."""

    def __init__(self, page: Page) -> None:
        self.page, self.faults = page, []
        page.on("console", lambda message: message.type == "error" and self._note("console", message.text))
        page.on("pageerror", lambda error: self._note("exception", str(error)))
        page.on("request", lambda request: self._outside(request.url))

    def _note(self, kind: str, text: str) -> None:
        self.faults.append(f"{kind}: {text[:300]}")

    def _outside(self, url: str) -> None:
        near = (f"http://{HOME}:", f"ws://{HOME}:", "file:", "data:", "blob:")
        if not url.startswith(near):
            self._note("request", url)


def until(said: Callable[[], object], what: str, seconds: float = 300.0, page: Page | None = None) -> object:
    """Wait until something is true, and return it.

    seconds: after which it is taken to hang, many times what a slow, busy machine needs. page: whose events are handled
    meanwhile. Raises TimeoutError, naming what did not happen.
    """
    end = time.monotonic() + seconds
    while not (found := said()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not happen in {seconds:.0f} s")
        page.wait_for_timeout(200) if page else time.sleep(0.2)
    return found


def free_port() -> int:
    """A port of this computer that nobody listens to."""
    with socket.socket() as s:
        s.bind((HOME, 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def serving(command: list[str], address: str, log: Path, env: dict[str, str] | None = None) -> Iterator[str]:
    """A server that runs as long as the block; gives its address once it answers."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=os.environ | ONE_THREAD | (env or {})
        )

        def answers() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"{command[:4]} ended: {log.read_text(errors='replace')[-2000:]}")
            try:
                return bool(urllib.request.urlopen(address, timeout=2))
            except urllib.error.HTTPError:  # no such file, but somebody says so
                return True
            except OSError:
                return False

        try:
            until(answers, f"an answer from {address}")
            yield address
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def jupyterlab(notebook: Path) -> Iterator[str]:
    """JupyterLab with one notebook open; gives the address to go to."""
    port = free_port()
    root = notebook.parent
    config = root / "config"
    overrides = config / "labconfig"
    overrides.mkdir(parents=True)
    settings = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}  # every cell is in the page
    settings["@jupyterlab/apputils-extension:notification"] = {"fetchNews": "false", "checkForUpdates": False}
    (overrides / "default_setting_overrides.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}"]
    command += [f"--ServerApp.ip={HOME}", f"--ServerApp.root_dir={root}", f"--IdentityProvider.token={TOKEN}"]
    command += [f"--LabApp.default_url=/lab/tree/{notebook.name}"]
    env = {"JUPYTER_CONFIG_DIR": str(config)}
    with serving(command, f"http://{HOME}:{port}/api/status?token={TOKEN}", root / "lab.log", env):
        yield f"http://{HOME}:{port}/?token={TOKEN}"


def run_all(page: Page, address: str) -> None:
    """Run every cell of the notebook that JupyterLab shows, and wait until the kernel is idle.

    The kernel must be connected before, or "Run All Cells" is dropped without a word.
    """
    sessions = address.replace("/?", "/api/sessions?")

    def state(*, connected: bool) -> bool:
        found = json.load(urllib.request.urlopen(sessions))
        kernel = found[0]["kernel"] if found else {"execution_state": "none", "connections": 0}
        return kernel["execution_state"] == "idle" and (kernel["connections"] > 0 or not connected)

    until(lambda: state(connected=True), "a connected kernel", page=page)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    done = "() => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].every(e => /\\d/.test(e.textContent))"
    until(lambda: page.evaluate(done) and state(connected=True), "the end of the last cell", page=page)


def notebook_of(cells: list[str]) -> nbformat.NotebookNode:
    """A notebook with these code cells."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    code = [nbformat.v4.new_code_cell(source) for source in cells]
    return nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": kernel})


@contextlib.contextmanager
def explorers_page(log: Path, *options: str) -> Iterator[str]:
    """`atp-lite explore` without opening a browser; gives the address of its page, token and all."""
    port = free_port()
    command = [sys.executable, "-m", "atp_lite.cli", "explore", "--no-browser", f"--port={port}", *options]
    with serving(command, f"http://{HOME}:{port}/static/none", log):
        said = until(lambda: re.search(r"explorers are at (\S+) ", log.read_text()), "a word where the explorers are")
        yield said[1]
