"""``python -m estim``: the command line."""

import sys

from estim.cli import main

sys.exit(main())
