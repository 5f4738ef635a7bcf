"""An explorer as ONE HTML file: every state precomputed, no kernel, no network, plotly.js inside once."""

from atp_lite.views.export.grid import Control, Part, export_grid
from atp_lite.views.export.pages import (
    export_bundled,
    export_coherence,
    export_debugger,
    export_microscope,
    export_race,
    export_space,
    export_trajectories,
)
