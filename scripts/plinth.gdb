# SPDX-License-Identifier: MIT
#
# gdb for Plinth; scripts/debug.py starts it. The architecture stays i386:x86-64 from
# the first instruction on: any other setting breaks the connection, and breakpoints
# work in every mode as they are. Only gdb's own disassembly of 16-bit code is wrong:
# `real` shows it right.
#
#   help plinth     the commands of this project; scripts/gdb/ has them
set pagination off
set confirm off
set disassembly-flavor intel
set history save off
set breakpoint pending on
# Where the machine stands before its first instruction is no news.
set suppress-cli-notifications on

python
import os
import sys

here = os.environ['PLINTH_SCRIPTS']
sys.path[:0] = [os.path.join(here, 'gdb'), here]
import commands
import guest
import printers
import stops

guest.quietly(f'add-symbol-file {guest.DISK}')
guest.Image.place(guest.Image.phys)
commands.install()
printers.install()
gdb.execute(f'target remote {os.environ["PLINTH_GDB_STUB"]}', to_string=True)
guest.quietly('set suppress-cli-notifications off')
stops.go(os.environ.get('PLINTH_AT', ''))
end
