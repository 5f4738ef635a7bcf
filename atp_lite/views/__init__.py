"""Looking at it: Trace -> numbers -> pictures -> one page."""

from atp_lite.views.figures import accuracy_figure, loss_figure, rl_figure
from atp_lite.views.measure import coherence_graph, curves, running_mean, stages, thought_table
from atp_lite.views.points import trajectory_figure
from atp_lite.views.projection import Projection, fit_projection, trajectories
from atp_lite.views.report import write_report
from atp_lite.views.tables import accuracy_html, thought_html, thought_text
from atp_lite.views.thoughts import coherence_figure, steps_figure, thought_figure
