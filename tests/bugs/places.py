# SPDX-License-Identifier: MIT
"""Where things are, and the path to the scripts that run machines."""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
PAGE = os.path.join(ROOT, 'docs', 'bugs.md')

sys.path.insert(0, os.path.join(ROOT, 'scripts'))
