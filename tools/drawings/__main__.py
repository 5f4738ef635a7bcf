import sys

from tools.drawings.all import main

sys.exit(main())
