"""``python -m estim.cli``, the same as ``python -m estim``."""

import sys

from estim.cli import main

sys.exit(main())
