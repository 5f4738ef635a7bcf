"""The explorers as a page, served by Voila to this computer only, to those who know its token."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import threading
import webbrowser
from pathlib import Path
from unittest import mock

import torch
from jupyter_core.paths import jupyter_path
from traitlets import Unicode
from traitlets.config import Config
from voila.app import Voila

from atp_lite.planner import Planner
from atp_lite.recipes import DEFAULT_CHECKPOINT
from atp_lite.views import kernels
from atp_lite.views.explorers import dashboard
from atp_lite.views.page import asset

ADDRESS = "127.0.0.1"
UNUSED_SECONDS = 60
"""How long a page's kernel is kept while nobody is connected to it."""


def page_notebook(checkpoint: Path, beside: Path | None = None, run: Path | None = None, verify: bool = True) -> dict:
    """The notebook that Voila turns into the page: one cell, whose only variable text is the quoted paths."""
    given = {"checkpoint": checkpoint, "beside": beside, "run": run}
    arguments = "".join(f"{name}={str(path)!r}, " for name, path in given.items() if path is not None)
    source = f"from atp_lite.views.explorers import explore\n\nexplore({arguments}verify={verify})"
    cell = {"cell_type": "code", "id": "explore", "metadata": {}, "source": source}
    cell |= {"execution_count": None, "outputs": []}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def offline_template(folder: Path) -> None:
    """Write the template `offline`: Voila's own page without the style sheets that it loads from a CDN, with ours.

    The page follows the system's theme, looks as exported pages do, and its sliders and figures have names.
    """
    places = [Path(place) / "voila" / "templates" / "lab" / "index.html.j2" for place in jupyter_path()]
    original = next((place for place in places if place.is_file()), None)
    if original is None:
        raise FileNotFoundError("Voila's page template is missing: pip install voila in this environment")
    template = folder / "voila" / "templates" / "offline"
    template.mkdir(parents=True)
    lines = original.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = "".join(line for line in lines if "https://" not in line)
    ours = f"<style>{asset('explore.css')}</style><script>{asset('explore.js')}</script>"
    end = "{%- endblock notebook_css -%}"
    (template / "index.html.j2").write_text(kept.replace(end, f"{ours}\n{end}"), encoding="utf-8")
    (template / "conf.json").write_text(json.dumps({"base_template": "lab"}), encoding="utf-8")


class Server(Voila):
    """Voila for one notebook, on this computer: it answers nobody without its token, and to no other Host."""

    open_in = Unicode(allow_none=True)
    """A folder for the file that the browser opens, so that the token is in no process list; None opens no browser."""

    def launch_browser(self) -> None:
        print(f"The explorers are at {self.display_url} (stop them with Ctrl-C)", flush=True)
        if self.open_in is not None:
            page = Path(self.open_in) / "open.html"
            page.write_text(f'<meta http-equiv="refresh" content="0; url={self.display_url}">', encoding="utf-8")
            threading.Thread(target=webbrowser.open, args=(page.as_uri(),), daemon=True).start()


def server(folder: Path, notebook: dict, port: int, browser: bool) -> Server:
    """A server of the notebook whose files are in `folder`; `start` serves until Ctrl-C.

    A page's kernel ends when the page is closed, and a minute after its last connection. Settings of the user's other
    Voilas are not read, nor is a `voila.py` in the current folder run.
    """
    path = folder / "explorers.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    offline_template(folder)
    config = Config(
        VoilaConfiguration={"template": "offline", "allow_template_override": "NO", "allow_theme_override": "NO"},
        MappingKernelManager={"cull_idle_timeout": UNUSED_SECONDS, "cull_interval": UNUSED_SECONDS // 6},
        KernelManager={"transport": "ipc"},
        KernelProvisionerFactory={"default_provisioner_name": kernels.NAME},
    )
    made = Server(
        config=config,
        config_file_paths=[],
        notebook_path=str(path),
        ip=ADDRESS,
        port=port,
        auto_token=True,
        tornado_settings={"allow_remote_access": False},
        open_in=str(folder) if browser else None,
        log_level=logging.WARNING,
    )
    made.initialize([])
    return made


def serve(
    checkpoint: str | os.PathLike[str] = DEFAULT_CHECKPOINT,
    port: int = 8866,
    browser: bool = True,
    beside: Path | None = None,
    run: Path | None = None,
    verify: bool = True,
) -> int:
    """Serve the explorers of a checkpoint until Ctrl-C or SIGTERM. The rest as in `explore`.

    Raises:
        FileNotFoundError: there is no such checkpoint, or the run kept none. ValueError: nothing can be shown of it.
    """
    checkpoint = Path(checkpoint).resolve()
    beside, run = (path.resolve() if path else None for path in (beside, run))
    if beside:
        Planner.from_pretrained(beside, verify=verify)
    torch.set_num_threads(1)
    dashboard(checkpoint, beside, run, verify)  # fails here, not inside the page, and loads what pages share
    if kernels.NAME != "local-provisioner":
        kernels.ForkedKernel.prepare()
    with tempfile.TemporaryDirectory() as folder:
        paths = os.pathsep.join(filter(None, [folder, os.environ.get("JUPYTER_PATH")]))
        with mock.patch.dict(os.environ, JUPYTER_PATH=paths):
            server(Path(folder), page_notebook(checkpoint, beside, run, verify), port, browser).start()
    return 0
