"""The explorers as a page, served by Voila to this computer only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from jupyter_core.paths import jupyter_path

from atp_lite.planner import Planner
from atp_lite.views.microscope import kept_checkpoints

ADDRESS = "127.0.0.1"


def page_notebook(checkpoint: Path, beside: Path | None = None, run: Path | None = None) -> dict:
    """The notebook that Voila turns into the page: one cell, whose only variable text is the quoted paths."""
    given = {"checkpoint": checkpoint, "beside": beside, "run": run}
    arguments = ", ".join(f"{name}={str(path)!r}" for name, path in given.items() if path is not None)
    source = (
        "import torch\n\nfrom atp_lite.views.explorers import explore\n\n"
        f"torch.set_num_threads(1)\nexplore({arguments})"
    )
    cell = {"cell_type": "code", "id": "explore", "metadata": {}, "source": source}
    cell |= {"execution_count": None, "outputs": []}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def offline_template(folder: Path) -> None:
    """Write the template `offline`: Voila's own page without the style sheets that it loads from a CDN."""
    places = [Path(place) / "voila" / "templates" / "lab" / "index.html.j2" for place in jupyter_path()]
    original = next((place for place in places if place.is_file()), None)
    if original is None:
        raise FileNotFoundError("Voila's page template is missing: pip install voila in this environment")
    template = folder / "voila" / "templates" / "offline"
    template.mkdir(parents=True)
    lines = original.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = "".join(line for line in lines if "https://" not in line)
    (template / "index.html.j2").write_text(kept, encoding="utf-8")
    (template / "conf.json").write_text(json.dumps({"base_template": "lab"}), encoding="utf-8")


def serve(
    checkpoint: str | os.PathLike[str],
    port: int = 8866,
    browser: bool = True,
    beside: Path | None = None,
    run: Path | None = None,
) -> int:
    """Serve the explorers of a checkpoint until Ctrl-C; the exit status of Voila. The rest as in `explore`.

    Raises:
        FileNotFoundError: there is no such checkpoint, or the run kept none.
    """
    checkpoint = Path(checkpoint).resolve()
    beside, run = (path.resolve() if path else None for path in (beside, run))
    for folder in filter(None, (checkpoint, beside)):
        Planner.from_pretrained(folder)  # fails here, not inside the page
    if run:
        kept_checkpoints(run)
    with tempfile.TemporaryDirectory() as folder:
        notebook = Path(folder) / "explorers.ipynb"
        notebook.write_text(json.dumps(page_notebook(checkpoint, beside, run)), encoding="utf-8")
        offline_template(Path(folder))
        paths = os.pathsep.join(filter(None, [folder, os.environ.get("JUPYTER_PATH")]))
        command = [sys.executable, "-m", "voila", str(notebook), f"--port={port}", f"--Voila.ip={ADDRESS}"]
        command += ["--template=offline", *([] if browser else ["--no-browser"])]
        print(f"The explorers will be at http://{ADDRESS}:{port}; stop them with Ctrl-C.", flush=True)
        server = subprocess.Popen(command, env=os.environ | {"JUPYTER_PATH": paths})
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the server ends with this process
        try:
            return server.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            signal.signal(signal.SIGTERM, before)
            server.terminate()
            server.wait(timeout=120)
