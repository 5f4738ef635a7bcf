"""Files of the project are found from every folder, in a checkout and in a wheel."""

import subprocess
import sys
from pathlib import Path

from atp_lite import resources
from atp_lite.recipes import CHECKPOINTS, JOURNEY
from atp_lite.resources import bundled, find


def test_a_checkout_has_its_files_at_the_top(repo_root):
    assert resources.IS_CHECKOUT
    assert bundled("configs/toy.yaml") == repo_root / "configs" / "toy.yaml"
    assert JOURNEY.is_file() and repo_root / "data" / "checkpoints" == CHECKPOINTS


def test_an_own_file_wins_over_the_bundled_one_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find("configs/toy.yaml") == bundled("configs/toy.yaml")
    assert find("configs/nowhere.yaml") == Path("configs/nowhere.yaml")
    own = tmp_path / "configs" / "toy.yaml"
    own.parent.mkdir()
    own.touch()
    assert find("configs/toy.yaml").resolve() == own
    assert find(own) == own


def test_an_installed_package_has_its_files_inside(tmp_path):
    """As in a wheel: no checkout around it, `bundled` within."""
    package = tmp_path / "atp_lite"
    (package / "bundled" / "data").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "resources.py").write_bytes(Path(resources.__file__).read_bytes())
    ask = "from atp_lite.resources import *; print(IS_CHECKOUT, bundled('data/x'), sep='|')"
    done = subprocess.run([sys.executable, "-c", ask], cwd=tmp_path, env={}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"False|{package / 'bundled' / 'data' / 'x'}"
