"""`python -m atp_lite.cli`, as `accelerate launch -m` wants it."""

import sys

from atp_lite.cli.main import main

sys.exit(main())
