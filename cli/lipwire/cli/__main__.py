"""``python -m lipwire.cli`` is ``lipwire``."""

import sys

from lipwire.cli.main import main

sys.exit(main())
