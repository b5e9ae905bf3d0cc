"""Order of items: what is tried again when, and when an item has failed."""

import pytest

from carnotlab.core.errors import InputError
from carnotlab.runs.executors.attempts import OutOfMemory, Refused
from carnotlab.runs.executors.base import Done, Failed
from carnotlab.runs.executors.item_queue import ItemQueue


def test_items_start_in_order():
    queue = ItemQueue(3)
    assert [queue.next(k) for k in range(4)] == [0, 1, 2, None]
    assert not queue.unfinished


def test_an_item_out_of_memory_is_tried_alone_after_all_others():
    queue = ItemQueue(3)
    first, second = queue.next(0), queue.next(1)
    assert queue.settle(OutOfMemory(first, "MemoryError")) is None
    assert queue.next(1) == 2
    assert queue.only_alone
    assert queue.next(2) is None  # 1 and 2 still run
    assert queue.settle(Done(second, None, 0.1)) == Done(second, None, 0.1)
    assert queue.next(1) is None
    assert queue.next(0) == first
    failed = queue.settle(OutOfMemory(first, "MemoryError"))
    assert isinstance(failed, Failed)
    assert "--memory" in failed.reason
    assert "nothing else running" in failed.reason
    assert not queue.unfinished


def test_an_item_may_lose_three_workers_the_last_one_alone():
    queue = ItemQueue(2)
    assert queue.next(0) == 0
    assert queue.lost(0, "killed") is None
    assert (queue.next(0), queue.next(1)) == (1, 0)  # behind the others, beside one of them
    assert queue.lost(0, "killed") is None
    assert queue.next(1) is None
    assert queue.next(0) == 0
    failed = queue.lost(0, "killed by signal 9")
    assert failed is not None
    assert all(word in failed.reason for word in ("3 times", "signal 9", "memory"))


def test_deaths_counted_together_leave_one_try_alone():
    queue = ItemQueue(2)
    assert queue.next(0) == 0
    assert queue.lost(0, "killed", deaths=4) is None
    assert queue.next(0) == 1
    assert queue.next(1) is None
    assert queue.next(0) == 0
    assert isinstance(queue.lost(0, "killed", deaths=4), Failed)


def test_after_a_refusal_nothing_starts_and_it_is_raised():
    queue = ItemQueue(3)
    queue.next(0)
    queue.raise_refusal()
    assert queue.settle(Refused(0, InputError("a", "b", "c"))) is None
    assert queue.next(0) is None
    assert not queue.unfinished
    with pytest.raises(InputError, match="Got a"):
        queue.raise_refusal()
