"""What is missing on this computer, and the command that mends it: `atp-lite doctor`.

Each check is a function of what it looks at, so it can be tried on situations that are not here. The module
imports only the standard library at its top: `python -m atp_lite.doctor` works in an environment too broken for the
rest of the package.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from atp_lite.resources import IS_CHECKOUT, ROOT

OLDEST_PYTHON = (3, 11)
LEAST_DISK_GB = 2.0
LABEXTENSIONS = ("anywidget", "@jupyter-widgets/jupyterlab-manager")
INSTALL = (
    "run `python -m pip install -r requirements.lock -e .`, or `make clean` and begin again"
    if IS_CHECKOUT
    else "install the wheel again with pip, without --no-deps: its requirements come along"
)


@dataclass(frozen=True)
class Check:
    """One thing looked at.

    `message` is a whole line. `ok` with a remedy is a note: nothing has to be done. Not `ok` must be mended,
    and `remedy` says how.
    """

    name: str
    ok: bool
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        tag = "FIX " if not self.ok else "note" if self.remedy else "ok  "
        return f"{tag} {self.message}" + (f" — {self.remedy}" if self.remedy else "")


def installed_version(name: str) -> str | None:
    """Version of the installed distribution `name`, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def python_check(version: tuple[int, ...]) -> Check:
    """`version` is (major, minor, patch)."""
    text = ".".join(map(str, version))
    if version[:2] >= OLDEST_PYTHON:
        return Check("Python", True, f"Python {text}")
    oldest = ".".join(map(str, OLDEST_PYTHON))
    remedy = f"install Python {oldest} or newer, and atp-lite anew in an environment of it"
    return Check("Python", False, f"Python: {text} is older than {oldest}", remedy)


def declared_requirements(root: Path = ROOT) -> list[str]:
    """What atp-lite says it needs: the installed distribution's word, else the pyproject.toml under `root`.

    Empty when there is neither. Requirements of extras are included, with their marker.
    """
    try:
        return list(metadata.requires("atp-lite") or [])
    except metadata.PackageNotFoundError:
        pass
    pyproject = root / "pyproject.toml"
    if not pyproject.is_file():
        return []
    import tomllib

    return list(tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["dependencies"])


def package_checks(
    requirements: Iterable[str], version_of: Callable[[str], str | None] = installed_version
) -> list[Check]:
    """One check per requirement that applies here (those of extras do not)."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return [Check("packaging", False, "packaging: not installed, so no version can be compared", INSTALL)]
    found = []
    for requirement in map(Requirement, requirements):
        name = requirement.name
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = version_of(name)
        if version is None:
            found.append(Check(name, False, f"{name}: not installed", INSTALL))
        elif not requirement.specifier.contains(version, prereleases=True):
            message = f"{name}: {version} is not in {requirement.specifier}"
            found.append(Check(name, False, message, INSTALL))
        else:
            found.append(Check(name, True, f"{name} {version}"))
    if not found:
        found.append(Check("atp-lite", False, "atp-lite: not installed, its needs are unknown", INSTALL))
    return found


def lock_check(lock: Path, version_of: Callable[[str], str | None] = installed_version) -> Check:
    """Which installed versions differ from the tested ones. Never an error: ranges decide that."""
    if not lock.is_file():
        return Check("lock", True, "no requirements.lock here to compare with")
    pins = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    # A build's own suffix, as in 2.13.0+cpu, is the same release.
    other = [
        f"{name} {have} (lock: {pin})"
        for name, pin in pins
        if (have := version_of(name)) is not None and have.split("+")[0] != pin
    ]
    if not other:
        return Check("lock", True, f"installed versions agree with the {len(pins)} of requirements.lock")
    shown = ", ".join(other[:5]) + (f" and {len(other) - 5} more" if len(other) > 5 else "")
    message = f"other versions than requirements.lock: {shown}"
    return Check("lock", True, message, "outputs may differ a little")


def jupyter_paths() -> list[Path]:
    """Folders in which JupyterLab looks for extensions; empty without Jupyter."""
    try:
        from jupyter_core.paths import jupyter_path
    except ImportError:
        return []
    return [Path(folder) for folder in jupyter_path("labextensions")]


def widgets_check(
    folders: Iterable[Path] | None = None, version_of: Callable[[str], str | None] = installed_version
) -> Check:
    """Sliders and clickable plots need three packages, and two JupyterLab extensions in one of `folders`."""
    absent = [name for name in ("jupyterlab", "ipywidgets", "anywidget") if version_of(name) is None]
    if absent:
        return Check("widgets", False, f"widgets: not installed: {', '.join(absent)}", INSTALL)
    folders = jupyter_paths() if folders is None else list(folders)
    absent = [name for name in LABEXTENSIONS if not any((folder / name).is_dir() for folder in folders)]
    if absent:
        remedy = (
            "run `python -m pip install --force-reinstall --no-deps anywidget jupyterlab_widgets`, "
            "and start JupyterLab from this environment"
        )
        return Check("widgets", False, f"widgets: JupyterLab does not find {', '.join(absent)}", remedy)
    return Check("widgets", True, "ipywidgets and anywidget are there, with their JupyterLab extensions")


def free_bytes_at(path: Path) -> int:
    """Free bytes on the disk that holds `path`."""
    return shutil.disk_usage(path).free


def disk_check(folder: Path, free_bytes: Callable[[Path], int] = free_bytes_at) -> Check:
    """At least LEAST_DISK_GB free where `folder` lies."""
    free = free_bytes(folder) / 1e9
    if free >= LEAST_DISK_GB:
        return Check("disk", True, f"{free:.1f} GB of disk free")
    message = f"disk: {free:.1f} GB free, {LEAST_DISK_GB:.0f} GB needed"
    return Check("disk", False, message, "make room, or work in a folder on another disk")


def runs_check(folder: Path) -> Check:
    """Training writes below `folder`/runs: try it, and leave nothing behind."""
    runs = folder / "runs"
    where = runs if runs.is_dir() else folder
    try:
        with tempfile.TemporaryFile(dir=where):
            pass
    except OSError as error:
        remedy = "give yourself the right to write there, or work in a folder of your own"
        return Check("runs", False, f"runs: cannot write in {where} ({error.strerror})", remedy)
    return Check("runs", True, "runs/ can be written")


def device_check() -> Check:
    """Where tensors will live: cuda, mps or the CPU with its threads. Imports torch."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return Check("device", False, f"device: torch does not import ({error})", INSTALL)
    if torch.cuda.is_available():
        return Check("device", True, f"device cuda, {torch.cuda.get_device_name(0)}")
    if torch.backends.mps.is_available():
        return Check("device", True, "device mps")
    return Check("device", True, f"device cpu, {torch.get_num_threads()} threads of {os.cpu_count()} cores")


def checkpoints_check(root: Path) -> Check:
    """The trained models that commands and notebooks open lie in `root`/data/checkpoints, a folder each."""
    folder = root / "data" / "checkpoints"
    found = len(list(folder.glob("*/model.safetensors")))
    if found:
        return Check("checkpoints", True, f"{found} checkpoints in {folder}")
    remedy = "run `git checkout data`, or train them: `atp-lite checkpoints`"
    return Check("checkpoints", False, f"checkpoints: none in {folder}", remedy)


def checks(root: Path = ROOT) -> list[Check]:
    """Everything, in the order in which it should be mended. Only Python itself when that is too old."""
    python = python_check(tuple(sys.version_info[:3]))
    if not python.ok:
        return [python]
    return [
        python,
        *package_checks(declared_requirements(root)),
        lock_check(root / "requirements.lock"),
        widgets_check(),
        device_check(),
        disk_check(Path.cwd()),
        runs_check(Path.cwd()),
        checkpoints_check(root),
    ]


def main(root: Path = ROOT) -> int:
    """Print one line per check. Returns 1 when something must be mended, else 0."""
    done = checks(root)
    for check in done:
        print(check)
    broken = sum(not check.ok for check in done)
    print(f"{broken} of {len(done)} need mending." if broken else "Everything is there.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
