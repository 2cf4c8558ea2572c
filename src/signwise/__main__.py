"""``python -m signwise``, which is also how ``torchrun -m signwise`` starts."""

import sys

from signwise.cli.main import main

sys.exit(main())
