"""The project's own files agree with each other, and the package keeps to the house order.

The checkers are functions of a folder, and each is tried on a made-up folder that breaks the rule.
"""

import ast
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent

# The house order. A module may import from lower floors, and from its own so long as there is no circle.
FLOORS = (
    {"domains", "engine", "doctor"},
    {"tokens"},
    {"model"},
    {"planner"},
    {"evaluation"},
    {"rl", "sft", "methods"},
    {"recipes"},
    {"views", "course"},
    {"tour"},
    {"cli"},
)
IMPORT_NONE_OF_OURS = {"checkpoint", "config", "doctor", "__init__"}
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


@pytest.mark.parametrize("line", ["torch==2.13.0+cpu", "torch>=2.13", "torch @ file:torch.whl", "-e ."])
def test_pins_refuses_what_works_only_here(line):
    with pytest.raises(ValueError, match="not a plain"):
        pins(f"# a comment\n{line}\n")


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
    project = pyproject["project"]
    ranges = [*project["dependencies"], *(r for rs in project["optional-dependencies"].values() for r in rs)]
    for requirement in map(Requirement, ranges):
        version = lock.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in requirements.lock: run `make lock`"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}, but {version}"


def test_lock_is_sorted_and_names_each_package_once():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == sorted(lines, key=str.upper)
    assert len(lines) == len(pins(text))


def test_lock_has_no_cuda(lock):
    assert [name for name in lock if re.match(r"nvidia|cuda|cupy|triton|cu\d\d", name)] == []


def test_what_is_imported_is_required(pyproject):
    """Every outside package that atp_lite imports is a dependency, not only somebody else's (google: Colab's own)."""
    distribution = {"sklearn": "scikit-learn", "yaml": "pyyaml"}
    project = pyproject["project"]
    ranges = [*project["dependencies"], *project["optional-dependencies"]["pretrained"]]
    required = {canonicalize_name(Requirement(r).name) for r in ranges}
    required |= {"ipython", "jupyter-core"}  # parts of jupyterlab
    for path in sorted((ROOT / "atp_lite").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            for top in {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"atp_lite", "google"}:
                assert canonicalize_name(distribution.get(top, top)) in required, f"{path.name} imports {top}"


# --- which module imports which ---


def import_graph(package: Path) -> dict[str, set[str]]:
    """Module -> the modules of the same package that it imports, by dotted name within the package.

    The package's own `__init__` is called `__init__`. Imports inside functions and under TYPE_CHECKING count
    too: a reader goes the same way. Importing `a.b` does not count as importing `a`, which Python runs first.
    """
    files = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        files[".".join(parts[:-1] if is_package else parts) or "__init__"] = (path, is_package)

    def inside(dotted: str) -> str | None:
        """`atp_lite.a.b` -> `a.b`, `atp_lite` -> `__init__`, anything else -> None."""
        top, _, rest = dotted.partition(".")
        return (rest or "__init__") if top == package.name else None

    graph: dict[str, set[str]] = {}
    for module, (path, is_package) in files.items():
        own = [package.name] if module == "__init__" else [package.name, *module.split(".")]
        targets: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
            if isinstance(node, ast.Import):
                targets |= {target for alias in node.names if (target := inside(alias.name)) is not None}
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    up = own[: len(own) - node.level + is_package]
                    base = ".".join([*up, base] if base else up)
                if inside(base) is None:
                    continue
                for alias in node.names:
                    member = inside(f"{base}.{alias.name}")
                    targets.add(member if member in files else inside(base))
        graph[module] = targets
    return graph


def circle(graph: dict[str, set[str]]) -> list[str]:
    """One circle as [a, b, ..., a], or [] when there is none."""
    done: set[str] = set()

    def walk(node: str, trail: list[str]) -> list[str]:
        if node in trail:
            return [*trail[trail.index(node) :], node]
        if node in done:
            return []
        for target in sorted(graph.get(node, ())):
            if found := walk(target, [*trail, node]):
                return found
        done.add(node)
        return []

    for start in sorted(graph):
        if found := walk(start, []):
            return found
    return []


def rooms(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same graph between the rooms: `model.vae` and `model.heads` are both `model`."""
    room_graph: dict[str, set[str]] = {}
    for module, targets in graph.items():
        room = module.split(".")[0]
        room_graph.setdefault(room, set()).update({t.split(".")[0] for t in targets} - {room})
    return room_graph


def against_the_order(graph: dict[str, set[str]]) -> list[str]:
    """Each import that goes up the house, and each room that has no floor."""
    floor = {room: height for height, names in enumerate(FLOORS) for room in names}
    wrong = []
    for room, targets in sorted(rooms(graph).items()):
        if room in IMPORT_NONE_OF_OURS:
            wrong += [f"{room} imports {t}, and should import none of ours" for t in sorted(targets)]
            continue
        if room not in floor:
            wrong.append(f"{room} has no floor in the house order: give it one in FLOORS")
            continue
        for target in sorted(targets - {"__init__"}):
            if floor.get(target, -1) > floor[room]:
                wrong.append(f"{room} imports {target}, which is above it")
    return wrong


def write_package(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / "atp_lite" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "atp_lite"


def test_the_checker_reads_every_way_of_importing(tmp_path):
    package = write_package(
        tmp_path,
        {
            "__init__.py": "",
            "tokens.py": "import torch, atp_lite.domains.problem as p\nfrom atp_lite import __version__\n",
            "problems/__init__.py": "from .problem import Problem\n",
            "problems/problem.py": "from . import equations\nfrom .. import __version__\n",
            "problems/equations.py": "from fractions import Fraction\n",
            "model/__init__.py": "",
            "model/heads.py": "def f():\n    from ..tokens import Batch\n    import atp_lite.domains\n",
        },
    )
    assert import_graph(package) == {
        "__init__": set(),
        "tokens": {"problems.problem", "__init__"},
        "problems": {"problems.problem"},
        "problems.problem": {"problems.equations", "__init__"},
        "problems.equations": set(),
        "model": set(),
        "model.heads": {"tokens", "problems"},
    }
    assert circle(import_graph(package)) == []
    assert against_the_order(import_graph(package)) == []


def test_the_checker_finds_a_circle_of_three(tmp_path):
    package = write_package(
        tmp_path,
        {
            "__init__.py": "",
            "sft/a.py": "from atp_lite.sft import b\n",
            "sft/b.py": "from .c import thing\n",
            "sft/c.py": "def late():\n    import atp_lite.sft.a\n",
            "tokens.py": "from atp_lite.domains import x\n",
        },
    )
    assert circle(import_graph(package)) == ["sft.a", "sft.b", "sft.c", "sft.a"]


def test_the_checker_finds_a_circle_of_rooms_that_is_none_of_modules(tmp_path):
    package = write_package(
        tmp_path,
        {
            "rl/a.py": "from atp_lite.sft import x\n",
            "rl/b.py": "",
            "sft/x.py": "",
            "sft/y.py": "import atp_lite.rl.b\n",
        },
    )
    assert circle(import_graph(package)) == []
    assert circle(rooms(import_graph(package))) == ["rl", "sft", "rl"]


def test_the_checker_finds_imports_up_the_house(tmp_path):
    package = write_package(
        tmp_path,
        {
            "__init__.py": "from atp_lite import tokens\n",
            "tokens.py": "from atp_lite.model import vae\n",
            "model/vae.py": "",
            "checkpoint.py": "from atp_lite.domains import problem\n",
            "problems/problem.py": "",
            "attic.py": "",
        },
    )
    assert against_the_order(import_graph(package)) == [
        "__init__ imports tokens, and should import none of ours",
        "attic has no floor in the house order: give it one in FLOORS",
        "checkpoint imports problems, and should import none of ours",
        "tokens imports model, which is above it",
    ]


def test_no_circles_in_the_package():
    graph = import_graph(ROOT / "atp_lite")
    assert circle(graph) == []
    assert circle(rooms(graph)) == []


def test_imports_follow_the_house_order():
    assert against_the_order(import_graph(ROOT / "atp_lite")) == []


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


def test_the_package_runs_nothing_that_it_reads():
    found = {
        path.relative_to(ROOT).as_posix(): seen
        for path in sorted((ROOT / "atp_lite").rglob("*.py"))
        if (seen := unsafe(path.read_text(encoding="utf-8")))
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


def test_named_targets():
    text = "Run `make lab`, `make test-unit ARGS=-x`.\n\n    $ make tour\n```\nmake lint\n```\nWe make sure."
    assert named_targets(text) == {"lab", "test-unit", "tour", "lint"}


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
