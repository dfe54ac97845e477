"""python -m tests.scale: see --help."""

import sys
from pathlib import Path

# As pytest does it: the tests' modules find each other.
sys.path.insert(0, str(Path(__file__).parents[1]))

from scale.command import main

raise SystemExit(main())
