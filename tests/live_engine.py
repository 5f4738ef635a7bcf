"""The engine of the live pages under node: built once from `web/src/index.ts`, asked by the workers in this folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from atp_lite.views.live import in_base64

WEB = Path(__file__).parents[1] / "web"
NODE = shutil.which("node")
REQUIRED = os.environ.get("ATP_LITE_NODE") == "required"


def built(script: str, out: Path) -> Path:
    """What `npm run SCRIPT` of web/ makes; without node or esbuild the test is skipped, or fails."""
    if NODE is None or not (WEB / "node_modules").exists():
        (pytest.fail if REQUIRED else pytest.skip)("esbuild is missing: install node 20 and run `npm ci --prefix web`")
    command = ["npm", "run", "--silent", script, "--", f"--outfile={out}", "--log-level=error"]
    subprocess.run(command, cwd=WEB, check=True, timeout=120)
    return out


@lru_cache
def _engine() -> Path:
    return built("engine", Path(tempfile.mkdtemp(prefix="atp-lite-engine-")) / "engine.js")


def run(worker: str, task: Any) -> subprocess.CompletedProcess[str]:
    """The worker's process, ended: the task was its stdin as JSON."""
    script = Path(__file__).with_name(worker)
    command = [NODE or "node", str(script), str(_engine())]
    return subprocess.run(
        command, input=json.dumps(task, default=in_base64), capture_output=True, text=True, timeout=600
    )


def ask(worker: str, task: Any) -> Any:
    """What the worker answers."""
    done = run(worker, task)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
