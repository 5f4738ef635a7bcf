"""The notebooks' exercises: `check("00.1", answer)` prints right, or what is wrong and a hint.

`hint("00.1", 2)` gives a hint without a try, and `progress()` says how far you are. `train(mine)` puts functions of
yours into a real run, and `reference_run()` is what the package's own reach there.

Each notebook has a module `nNN_name.py` that registers its exercises; all are imported here.
"""

import importlib
import pkgutil

from atp_lite.course.build import reference_run, train
from atp_lite.course.grading import EXERCISES, Exercise, check, exercise, grade, hint, progress

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    if _module.startswith("n") and _module[1:3].isdigit():
        importlib.import_module(f"{__name__}.{_module}")

__all__ = ["EXERCISES", "Exercise", "check", "exercise", "grade", "hint", "progress", "reference_run", "train"]
