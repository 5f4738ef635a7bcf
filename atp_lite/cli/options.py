"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

Config = Annotated[Path | None, tyro.conf.arg(help="YAML file with any of the settings below")]
