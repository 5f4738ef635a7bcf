"""Dashboard: ipywidgets around the figures. Callbacks compute through `measure` and `moves` only."""

from atp_lite.views.explorers.coherence import CoherenceExplorer
from atp_lite.views.explorers.dashboard import Dashboard, dashboard, explore
from atp_lite.views.explorers.debugger import LatentDebugger
from atp_lite.views.explorers.live import LivePage
from atp_lite.views.explorers.microscope import RLMicroscope
from atp_lite.views.explorers.race import Race
from atp_lite.views.explorers.space import SpaceExplorer
from atp_lite.views.explorers.trajectory import TrajectoryExplorer
