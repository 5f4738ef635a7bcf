"""Methods of reasoning, one short file each, on one latent loop: ATP-Latent and those it is compared with.

`METHODS[name]` holds each; `SFTSettings.method` names the one that `train_sft` follows.
"""

from atp_lite.methods.atp import ATP, ATP_FIXED, ATP_NO_DECODER, ATP_POINT
from atp_lite.methods.atp_step import ATP_STEP
from atp_lite.methods.coconut import COCONUT
from atp_lite.methods.codi import CODI
from atp_lite.methods.colar import COLAR
from atp_lite.methods.method import Method
from atp_lite.methods.pause import PAUSE
from atp_lite.methods.sim_cot import SIM_COT
from atp_lite.methods.words import COT, ICOT, NO_COT
from atp_lite.planner import Planner
from atp_lite.registry import Registry

METHODS: Registry[Method] = Registry("method")
"""Every method by its name, the ablations of ATP-Latent last; `METHODS.register(name)` adds yours."""
RIVALS = (COT, NO_COT, ICOT, PAUSE, COCONUT, SIM_COT, CODI, COLAR)
for _method in (ATP, ATP_STEP, *RIVALS, ATP_POINT, ATP_FIXED, ATP_NO_DECODER):
    METHODS.register(_method.name)(_method)


def method_of(planner: Planner) -> Method:
    """The method that a planner has the parts of: its head, its layout, its decoder and step encoder.

    Where several fit, the first of `METHODS`.

    Raises:
        ValueError: none does.
    """
    config = planner.model.config
    for method in METHODS.values():
        if (
            (method.head_for(planner), method.layout) == (config.latent_head, config.layout)
            and method.decoder in (None, config.decoder is not None)
            and method.step_encoder == (config.step_encoder is not None)
        ):
            return method
    raise ValueError(
        f"no method thinks with a {config.latent_head} head in the layout {config.layout!r}: register one in METHODS"
    )
