"""Locks of files that the kernel drops when their holder dies, on every system. Standard library only.

The fact a newcomer would get wrong: a lock belongs to the open file, not to its name or to the process. Opened a second
time, also by the same process, the file is as locked as for anybody else.
"""

import sys
import time

if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> bool:
        """Take the lock of an open file, until it is closed. False when another has it."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Take the lock of an open file, until it is closed. False when another has it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def wait_for_lock(descriptor: int, *, seconds: float, look_seconds: float = 0.02) -> bool:
    """Take it as soon as it is free. False when it was not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not try_lock(descriptor):
        if time.monotonic() > deadline:
            return False
        time.sleep(look_seconds)
    return True
