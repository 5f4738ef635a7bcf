"""Uploading to the Hugging Face hub and loading from it, against a stand-in on this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest
from hub_server import serve

from atp_lite.planner import Planner


@pytest.mark.slow
def test_what_is_pushed_is_what_comes_back(tmp_path):
    server = serve(tmp_path / "hub")
    Thread(target=server.serve_forever, daemon=True).start()
    env = {k: v for k, v in os.environ.items() if k not in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")}
    env |= {"HF_ENDPOINT": server.address, "HF_TOKEN": "hf_right", "HF_HOME": str(tmp_path / "home")}
    worker = Path(__file__).with_name("hub_worker.py")
    try:
        ran = subprocess.run([sys.executable, worker], env=env, capture_output=True, text=True, timeout=1800)
    finally:
        server.shutdown()
        server.server_close()
    assert ran.returncode == 0, ran.stderr[-3000:]
    said = json.loads(ran.stdout.splitlines()[-1])
    assert said["url"] == f"{server.address}/me/toy"
    assert said["same"] and said["found"] and said["lora moved it"] and said["lora came back merged"]
    names = {file.name for file in (tmp_path / "hub" / "me" / "toy").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]
    assert "me/toy could not be uploaded" in said["refused"] and "hf auth login" in said["refused"]
    assert "\n" not in said["refused"]


def test_offline_an_upload_is_one_line_with_a_remedy(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(OSError, match=r"me/toy could not be uploaded \(.*offline.*\): be online, log in") as caught:
        Planner.fresh().push_to_hub("me/toy")
    assert "\n" not in str(caught.value)
