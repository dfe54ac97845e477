"""`python -m pynector`, the same as `pynector`."""

import sys

from .cli import main

sys.exit(main())
