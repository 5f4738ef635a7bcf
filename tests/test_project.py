"""The project's own files agree with each other and are valid, and nothing runs what it reads."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from mutations.__main__ import MUTATIONS
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from atp_lite import __version__

ROOT = Path(__file__).resolve().parent.parent
OURS = sorted(path for name in ("atp_lite", "atp_lab") for path in (ROOT / name).rglob("*.py"))

MAX_CELL_LINES = 40
MAX_NOTEBOOK_BYTES = 300_000
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}


# --- environment.yml, pyproject.toml and requirements.lock ---


def pins(text: str) -> dict[str, str]:
    """Canonical name -> pinned version. Raises ValueError on a line that is no `name==version`."""
    found = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.]+)", line)
        if match is None:
            raise ValueError(f"not a plain name==version: {line!r}")
        found[canonicalize_name(match[1])] = match[2]
    return found


@pytest.fixture(scope="module")
def lock() -> dict[str, str]:
    return pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_conda_and_pip_install_the_same_lock(pyproject):
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert conda["name"] == "atp-lite"
    plain = [entry for entry in conda["dependencies"] if isinstance(entry, str)]
    (of_pip,) = [entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict)]
    assert of_pip == ["-r requirements.lock", "-e ."]
    # Nothing but Python and pip from conda itself: any other package would come in two versions.
    assert plain == ["python=3.11", "pip"]
    assert Requirement(f"python{pyproject['project']['requires-python']}").specifier.contains("3.11.0")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "pip install -r requirements.lock" in makefile


def test_every_range_admits_the_locked_version(pyproject, lock):
    """The extras `gym` and `grid` are not locked: they bring dozens of packages that few need."""
    project = pyproject["project"]
    locked = [rs for extra, rs in project["optional-dependencies"].items() if extra not in ("gym", "grid")]
    ranges = [*project["dependencies"], *(r for rs in locked for r in rs)]
    for requirement in map(Requirement, ranges):
        version = lock.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in requirements.lock: run `make lock`"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}, but {version}"


def test_lock_has_no_cuda(lock):
    assert [name for name in lock if re.match(r"nvidia|cuda|cupy|triton|cu\d\d", name)] == []


@pytest.mark.slow
def test_what_is_imported_is_required(pyproject):
    """Every outside package that ours import is a dependency, not only somebody else's.

    google: Colab's own. vllm brings a torch of its own, so it is installed by hand.
    """
    distribution = {"sklearn": "scikit-learn", "yaml": "pyyaml"}
    project = pyproject["project"]
    extras = project["optional-dependencies"]
    ranges = [*project["dependencies"], *extras["pretrained"], *extras["gym"], *extras["grid"]]
    required = {canonicalize_name(Requirement(r).name) for r in ranges}
    required |= {"ipykernel", "ipython", "jupyter-client", "jupyter-core"}  # parts of jupyterlab
    known = sys.stdlib_module_names | {"atp_lite", "atp_lab", "google", "vllm"}
    for path in OURS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            for top in {name.split(".")[0] for name in names} - known:
                assert canonicalize_name(distribution.get(top, top)) in required, f"{path.name} imports {top}"


# --- nothing that runs what it reads ---


def unsafe(source: str) -> list[str]:
    """What in `source` would run what it reads: eval and exec, pickle in its many forms, torch.load."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            names = [called] if called.removeprefix("builtins.") in {"eval", "exec", "torch.load"} else []
            names += [
                f"{called}(allow_pickle=True)"
                for keyword in node.keywords
                if keyword.arg == "allow_pickle" and getattr(keyword.value, "value", None) is not False
            ]
            found += [f"line {node.lineno}: {name}" for name in names]
            continue
        else:
            continue
        found += [
            f"line {node.lineno}: {name}"
            for name in names
            if name.split(".")[0] in UNSAFE_MODULES or name == "torch.load"
        ]
    return found


@pytest.mark.parametrize(
    "source",
    [
        "eval('1 + 1')",
        "def f(s):\n    exec(s)",
        "import builtins\nbuiltins.eval('1')",
        "import pickle",
        "from pickle import loads",
        "import joblib as j",
        "import torch\ntorch.load('x.pt', weights_only=True)",
        "from torch import load",
        "numpy.load('x.npy', allow_pickle=True)",
    ],
)
def test_unsafe_sees(source):
    assert len(unsafe(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "model.eval()",
        "self.model.eval()",
        "def evaluate(x):\n    return evaluate(x)",
        "# eval('1')\ns = 'pickle.load(f)'",
        "from safetensors.torch import load_file\nload_file('x')",
        "numpy.load('x.npy', allow_pickle=False)",
    ],
)
def test_unsafe_lets_pass(source):
    assert unsafe(source) == []


@pytest.mark.slow
def test_the_package_runs_nothing_that_it_reads():
    found = {
        path.relative_to(ROOT).as_posix(): seen for path in OURS if (seen := unsafe(path.read_text(encoding="utf-8")))
    }
    assert found == {}


# --- notebooks ---


def private_imports(source: str) -> list[str]:
    """Names of atp_lite with a leading underscore that a cell imports. Magics and shell lines are skipped."""
    lines = ["pass" if re.match(r"\s*[%!]", line) else line for line in source.splitlines()]
    found = []
    for node in ast.walk(ast.parse("\n".join(lines))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found += [
            name
            for name in names
            if name.split(".")[0] == "atp_lite" and any(re.match(r"_(?!_)", p) for p in name.split("."))
        ]
    return found


def notebook_faults(path: Path) -> list[str]:
    """Every way in which a committed notebook is not fit to be read, compared or opened."""
    faults = []
    if (size := path.stat().st_size) > MAX_NOTEBOOK_BYTES:
        faults.append(f"{size // 1000} kB, {MAX_NOTEBOOK_BYTES // 1000} at most")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    if "widgets" in notebook["metadata"]:
        faults.append("widget state is saved in it")
    cells = notebook["cells"]
    if not cells or cells[0]["cell_type"] != "markdown" or not "".join(cells[0]["source"]).startswith("# "):
        faults.append("the first cell is no card: markdown that begins with a `# ` heading")
    for number, cell in enumerate(cells):
        source = "".join(cell["source"])
        if source.count("\n") + 1 > MAX_CELL_LINES:
            faults.append(f"cell {number}: over {MAX_CELL_LINES} lines")
        if cell["cell_type"] != "code" or not source.strip():
            continue
        if cell["execution_count"] is None:
            faults.append(f"cell {number}: never executed, so nothing is compared")
        if any(output["output_type"] == "error" for output in cell["outputs"]):
            faults.append(f"cell {number}: ends in an error")
        faults += [f"cell {number}: imports the private {name}" for name in private_imports(source)]
    return faults


def write_notebook(path: Path, cells: list[dict], **metadata) -> Path:
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def code_cell(source: str, count: int | None = 1, outputs: tuple[dict, ...] = ()) -> dict:
    return {
        "cell_type": "code",
        "source": source.splitlines(keepends=True),
        "execution_count": count,
        "outputs": list(outputs),
        "metadata": {},
    }


CARD = {"cell_type": "markdown", "source": ["# A tour\n", "10 minutes"], "metadata": {}}


def test_a_good_notebook_has_no_faults(tmp_path):
    cells = [CARD, code_cell("%matplotlib inline\nfrom atp_lite.tokens import Batch"), code_cell("", None)]
    assert notebook_faults(write_notebook(tmp_path / "good.ipynb", cells, kernelspec={})) == []


def test_a_bad_notebook_has_every_fault(tmp_path):
    cells = [
        code_cell("x = 1", None),
        code_cell("1 / 0", 2, ({"output_type": "error", "ename": "ZeroDivisionError"},)),
        code_cell("from atp_lite.model.vae import _clamp", 3),
        code_cell("\n".join(f"x{i} = {i}" for i in range(41)), 4),
        code_cell("#" * MAX_NOTEBOOK_BYTES, 5),
    ]
    faults = notebook_faults(write_notebook(tmp_path / "bad.ipynb", cells, widgets={}))
    assert faults == [
        "301 kB, 300 at most",
        "widget state is saved in it",
        "the first cell is no card: markdown that begins with a `# ` heading",
        "cell 0: never executed, so nothing is compared",
        "cell 1: ends in an error",
        "cell 2: imports the private atp_lite.model.vae._clamp",
        "cell 3: over 40 lines",
    ]


@pytest.mark.parametrize(
    ("source", "private"),
    [
        ("import atp_lite._inner", ["atp_lite._inner"]),
        ("from atp_lite._inner import thing", ["atp_lite._inner.thing"]),
        ("def f():\n    from atp_lite.model import Trace, _clamp", ["atp_lite.model._clamp"]),
        ("from atp_lite import __version__\nfrom torch import _C", []),
    ],
)
def test_private_names_of_the_package_are_seen(source, private):
    assert private_imports(source) == private


NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_fit_to_be_read(path):
    assert notebook_faults(path) == []


# --- what the pages name exists ---


def named_targets(text: str) -> set[str]:
    """Targets of `make x` in backquotes or at the beginning of a line of a code block."""
    return set(re.findall(r"(?:`|^\s*(?:\$ )?)make ([a-z][a-z-]*)", text, flags=re.MULTILINE))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_every_target_named_in_a_page_exists(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    named = named_targets((ROOT / page).read_text(encoding="utf-8").replace("timed make", "make"))
    assert named, f"{page} names no target at all"
    assert named <= targets


def test_every_target_is_phony_and_explained():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    explained = re.findall(r"^([a-z-]+):.*## \S", makefile, flags=re.MULTILINE)
    assert sorted(phony.split()) == sorted(explained)


# --- what GitHub and others read ---


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", ".github/workflows/*.yml"),
        ("github-issue-forms", ".github/ISSUE_TEMPLATE/[!c]*.yml"),
        ("github-issue-forms", ".github/ISSUE_TEMPLATE/course.yml"),
        ("github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
        ("citation-file-format", "CITATION.cff"),
    ],
)
def test_files_for_others_keep_to_their_schemas(schema, files):
    paths = sorted(map(str, ROOT.glob(files)))
    assert paths
    tool = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run([tool, "--builtin-schema", f"vendor.{schema}", *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_pre_commit_runs_programs_of_the_lock():
    tool = Path(sys.executable).with_name("pre-commit")
    done = subprocess.run([tool, "validate-config"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (here,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert here["repo"] == "local"
    assert all((hook["entry"].startswith(".venv/bin/"), hook["language"]) == (True, "system") for hook in here["hooks"])


def test_ci_tries_every_python_that_is_promised_and_runs_what_we_run(pyproject):
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["test"]
    oldest, *_ = pythons = job["strategy"]["matrix"]["python"]
    assert pyproject["project"]["requires-python"] == f">={oldest}" and len(pythons) >= 3
    assert job["steps"][-1] == {"run": ".ci/run"}
    assert "make wheel-test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_one_version_everywhere():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == __version__
    assert f"\n## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_everything_that_the_wheel_must_carry_is_there(pyproject):
    hooks = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]
    assert all((ROOT / path).exists() for path in hooks["custom"]["bundled"])


def test_lines_that_are_broken_on_purpose_stand_once_in_their_files():
    """Otherwise `make test-trust` would find out, hours later."""
    assert len(MUTATIONS) >= 60
    stand = {f"{m.file}: {m.line}": (ROOT / m.file).read_text().count(m.line) for m in MUTATIONS}
    assert not {place: count for place, count in stand.items() if count != 1}
