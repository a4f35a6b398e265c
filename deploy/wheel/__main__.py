"""`python -m segue`: the same as the command."""

import sys

from segue import main

sys.exit(main())
