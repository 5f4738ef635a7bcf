"""Every check of the doctor in a right and in a wrong situation."""

import errno
import sys
import tempfile
from importlib import metadata

import pytest

from atp_lite import doctor
from atp_lite.doctor import Check


def versions(**known):
    """A `version_of` that knows only these distributions."""
    return lambda name: known.get(name)


@pytest.mark.parametrize(
    ("check", "line"),
    [
        (Check("Python", True, "Python 3.11.7"), "ok   Python 3.11.7"),
        (Check("lock", True, "torch is newer", "never mind"), "note torch is newer — never mind"),
        (Check("torch", False, "torch: not installed", "run it"), "FIX  torch: not installed — run it"),
    ],
)
def test_a_check_is_one_line(check, line):
    assert str(check) == line


@pytest.mark.parametrize(
    ("version", "ok"), [((3, 10, 14), False), ((3, 11, 0), True), ((3, 14, 1), True), ((4, 0, 0), True)]
)
def test_python(version, ok):
    assert doctor.python_check(version).ok is ok


def test_an_old_python_is_the_only_thing_said(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 10, 4, "final", 0))
    assert doctor.main() == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("FIX  Python: 3.10.4 is older than 3.11 — install")
    assert last == "1 of 1 need mending."


def test_packages_right_wrong_and_absent():
    requirements = ["torch>=2.13,<2.14", "numpy>=2.1,<3", "tqdm>=4", 'pytest>=9; extra == "dev"']
    found = doctor.package_checks(requirements, versions(torch="2.13.0+cpu", numpy="1.26.4"))
    assert [(check.name, check.ok) for check in found] == [("torch", True), ("numpy", False), ("tqdm", False)]
    assert str(found[0]) == "ok   torch 2.13.0+cpu"
    assert "numpy: 1.26.4 is not in <3,>=2.1" in found[1].message
    assert str(found[2]).startswith("FIX  tqdm: not installed — run `python -m pip install")


def test_a_marker_for_another_system_is_left_out():
    (only,) = doctor.package_checks(
        ["tqdm", "pywin32; sys_platform == 'a made-up system'"], versions(tqdm="4.67.1")
    )
    assert only.name == "tqdm"


def test_no_requirements_at_all_is_an_error():
    (check,) = doctor.package_checks([])
    assert not check.ok


def test_packaging_itself_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "packaging.requirements", None)
    (check,) = doctor.package_checks(["torch"])
    assert (check.name, check.ok) == ("packaging", False)


def not_installed(name):
    raise metadata.PackageNotFoundError(name)


def test_requirements_come_from_pyproject_when_atp_lite_is_not_installed(monkeypatch, tmp_path):
    monkeypatch.setattr(metadata, "requires", not_installed)
    assert doctor.declared_requirements(tmp_path) == []
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["torch>=2.13"]\n', encoding="utf-8")
    assert doctor.declared_requirements(tmp_path) == ["torch>=2.13"]


def test_requirements_come_from_the_installed_distribution_first(monkeypatch, tmp_path):
    monkeypatch.setattr(metadata, "requires", lambda name: ["numpy>=2"])
    assert doctor.declared_requirements(tmp_path) == ["numpy>=2"]


def test_lock_agrees_but_for_the_suffix_of_a_build(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("# a comment\ntorch==2.13.0\nnumpy==2.4.6\n", encoding="utf-8")
    check = doctor.lock_check(lock, versions(torch="2.13.0+cpu", numpy="2.4.6"))
    assert check.ok and not check.remedy
    assert "the 2 of requirements.lock" in check.message


def test_lock_differs_as_a_note(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("".join(f"p{i}==1.0\n" for i in range(7)), encoding="utf-8")
    check = doctor.lock_check(lock, versions(**{f"p{i}": "1.1" for i in range(7)}))
    assert check.ok
    assert str(check).startswith("note other versions than requirements.lock: p0 1.1 (lock: 1.0), ")
    assert "and 2 more" in check.message and "p5" not in check.message


def test_lock_absent_is_no_error(tmp_path):
    assert doctor.lock_check(tmp_path / "requirements.lock").ok


WIDGETS = {"jupyterlab": "4.6.6", "ipywidgets": "8.1.9", "anywidget": "0.11.0"}


def test_widgets_with_packages_and_extensions_in_different_folders(tmp_path):
    (tmp_path / "a" / "anywidget").mkdir(parents=True)
    (tmp_path / "b" / "@jupyter-widgets" / "jupyterlab-manager").mkdir(parents=True)
    assert doctor.widgets_check([tmp_path / "a", tmp_path / "b"], versions(**WIDGETS)).ok
    check = doctor.widgets_check([tmp_path / "a"], versions(**WIDGETS))
    assert not check.ok
    assert check.message.endswith("JupyterLab does not find @jupyter-widgets/jupyterlab-manager")


def test_widgets_without_anywidget(tmp_path):
    check = doctor.widgets_check([tmp_path], versions(jupyterlab="4.6.6", ipywidgets="8.1.9"))
    assert not check.ok
    assert check.message.endswith("not installed: anywidget")


def test_disk(tmp_path):
    assert doctor.disk_check(tmp_path, lambda path: 2_000_000_000).ok
    full = doctor.disk_check(tmp_path, lambda path: 1_999_000_000)
    assert not full.ok and full.remedy
    assert doctor.free_bytes_at(tmp_path) > 0


def test_runs_leaves_nothing_behind(tmp_path):
    assert doctor.runs_check(tmp_path).ok
    assert list(tmp_path.iterdir()) == []


def test_runs_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "runs").mkdir()

    def refuse(dir):
        assert dir == tmp_path / "runs"
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    check = doctor.runs_check(tmp_path)
    assert not check.ok
    assert "Read-only file system" in check.message


def test_device_names_threads_of_the_cpu(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    check = doctor.device_check()
    assert check.ok
    assert check.message.startswith(f"device cpu, {torch.get_num_threads()} threads of ")


def test_device_names_the_gpu(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "Some GPU")
    assert str(doctor.device_check()) == "ok   device cuda, Some GPU"


def test_device_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    check = doctor.device_check()
    assert not check.ok
    assert "torch does not import" in check.message


def test_checkpoints(tmp_path):
    assert not doctor.checkpoints_check(tmp_path).ok
    folder = tmp_path / "data" / "checkpoints"
    (folder / "atp").mkdir(parents=True)
    (folder / "atp" / "model.safetensors").touch()
    assert str(doctor.checkpoints_check(tmp_path)) == f"ok   1 checkpoints in {folder}"


@pytest.mark.parametrize(("oks", "status"), [([True, True], 0), ([True, False], 1)])
def test_main_fails_when_something_must_be_mended(monkeypatch, capsys, oks, status):
    monkeypatch.setattr(doctor, "checks", lambda root: [Check("x", ok, "x", "do it") for ok in oks])
    assert doctor.main() == status
    assert len(capsys.readouterr().out.splitlines()) == len(oks) + 1


def test_checks_of_this_computer_find_the_packages(repo_root):
    names = [check.name for check in doctor.checks(repo_root)]
    assert names[0] == "Python"
    assert {"torch", "plotly", "lock", "widgets", "device", "disk", "runs", "checkpoints"} <= set(names)
    assert "pytest" not in names  # an extra
