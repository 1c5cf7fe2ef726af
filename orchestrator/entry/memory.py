"""The garbage collector, told what this process is like."""

import gc

ALLOCATIONS_BETWEEN_LOOKS = 100_000


def settle() -> None:
    """Call once everything that lives as long as the process is built: campaigns, statements.

    It is hundreds of thousands of small objects that the collector would otherwise visit again and
    again, at a fifth of the process's time; and it looks less often, since batches of messages
    leave few cycles behind.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS_BETWEEN_LOOKS, 50, 50)
