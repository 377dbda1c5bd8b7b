"""Work shared out to threads: in order, bounded, and errors at their turn."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from fieldguide.parallel import bounded_map, thread_count


def test_results_come_in_the_order_of_the_items() -> None:
    def slow_at_first(number: int) -> int:
        time.sleep(0.02 / (number + 1))
        return number * number

    assert list(bounded_map(slow_at_first, range(50), threads=8)) == [number * number for number in range(50)]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("ahead", [1, 4])
def test_only_so_much_is_in_flight(threads: int, ahead: int) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number

    for place, _ in enumerate(bounded_map(lambda number: number, items(), threads=threads, ahead=ahead)):
        assert taken - place <= threads * ahead


def test_the_work_is_shared_by_threads() -> None:
    meeting = threading.Barrier(3, timeout=10)

    def wait_for_the_others(number: int) -> str:
        meeting.wait()
        return threading.current_thread().name

    names = set(bounded_map(wait_for_the_others, range(3), threads=3))
    assert len(names) == 3
    assert all(name.startswith("fieldguide-map") for name in names)


def test_an_error_comes_at_its_items_turn() -> None:
    def seventh_fails(number: int) -> int:
        if number == 7:
            raise LookupError("seven")
        return number

    results: list[int] = []
    with pytest.raises(LookupError, match="seven"):
        for result in bounded_map(seventh_fails, range(100), threads=2):
            results.append(result)
    assert results == list(range(7))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("fieldguide-map")]


def test_leaving_early_stops_the_work() -> None:
    started: list[int] = []

    def work(number: int) -> int:
        started.append(number)
        time.sleep(0.002)
        return number

    results = bounded_map(work, range(10_000), threads=2, ahead=4)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert len(started) < 20
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("fieldguide-map")]


def test_no_items_give_no_results() -> None:
    assert list(bounded_map(len, [])) == []


def test_all_processors_that_may_be_used_are_used() -> None:
    assert 1 <= thread_count() <= (os.cpu_count() or 1)
