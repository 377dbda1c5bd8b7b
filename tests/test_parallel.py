"""Work shared out to threads: in order, bounded, and errors at their turn; and threads that stay."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from fieldguide.parallel import Crew, bounded_map, sparing_threads, thread_count


def test_matrices_are_multiplied_by_half_of_the_processors_and_afterwards_by_as_many_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def used() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    import scipy.optimize  # noqa: F401 - it has a library of its own

    with threadpool_limits(limits=2, user_api="blas"):
        before = used()
        assert before, "NumPy multiplies with none of the libraries that are known"
        monkeypatch.setattr("fieldguide.parallel.thread_count", lambda: 2)
        with sparing_threads():
            assert set(used()) == {1}
        assert used() == before
        monkeypatch.setattr("fieldguide.parallel.thread_count", lambda: 1)
        with pytest.raises(KeyError), sparing_threads():
            assert set(used()) == {1}
            raise KeyError
        assert used() == before


def test_threads_are_never_more_than_before_and_as_before_once_the_last_block_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def used() -> set[int]:
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    monkeypatch.setattr("fieldguide.parallel.thread_count", lambda: 16)
    with threadpool_limits(limits=1, user_api="blas"), sparing_threads():
        assert used() == {1}
    monkeypatch.setattr("fieldguide.parallel.thread_count", lambda: 2)
    with threadpool_limits(limits=2, user_api="blas"):
        first, second = sparing_threads(), sparing_threads()  # of two threads, which overlap
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert used() == {1}
        second.__exit__(None, None, None)
        assert used() == {2}


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


def test_all_processors_that_may_be_used_are_used_unless_fewer_threads_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for asked in (None, "1000000", "", "none"):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        if asked is not None:
            monkeypatch.setenv("OMP_NUM_THREADS", asked)
        assert thread_count() == (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    for asked in ("1", "0"):
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
        assert thread_count() == 1


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("count", [0, 1, 3, 100])
def test_a_crew_does_each_piece_once(threads: int, count: int) -> None:
    crew, done = Crew(threads), [0] * count

    def work(number: int) -> None:
        done[number] += 1

    for _ in range(3):
        crew.each(work, count)
    assert done == [3] * count


def test_a_crews_threads_stay_and_the_caller_is_one_of_them() -> None:
    crew, names = Crew(3), set()
    for _ in range(5):
        meeting = threading.Barrier(3, timeout=10)

        def meet(number: int, meeting: threading.Barrier = meeting) -> None:
            meeting.wait()
            names.add(threading.current_thread().name)

        crew.each(meet, 3)
    assert len(names) == 3
    assert threading.current_thread().name in names


def test_an_error_ends_a_crews_work_and_the_crew_goes_on_to_work() -> None:
    crew, done = Crew(2), []

    def seventh_fails(number: int) -> None:
        if number == 7:
            raise LookupError("seven")
        done.append(number)
        time.sleep(0.001)

    with pytest.raises(LookupError, match="seven"):
        crew.each(seventh_fails, 1000)
    assert len(done) < 100
    done.clear()
    crew.each(done.append, 5)
    assert sorted(done) == list(range(5))


def test_a_crew_of_one_starts_no_thread() -> None:
    before = threading.active_count()
    Crew(1).each(lambda number: None, 10)
    Crew(4).each(lambda number: None, 1)
    assert threading.active_count() == before


def test_several_callers_may_share_a_crew() -> None:
    crew, sums = Crew(2), [0, 0, 0]

    def call(place: int) -> None:
        lock = threading.Lock()

        def add(number: int) -> None:
            with lock:
                sums[place] += number

        for _ in range(20):
            crew.each(add, 50)

    callers = [threading.Thread(target=call, args=(place,)) for place in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sums == [20 * 1225] * 3


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_crew_may_be_called_inside_its_own_work(threads: int) -> None:
    """The threads that the inner calls would have are all at work on the outer one: nobody may wait for them."""
    crew, done = Crew(threads), [[0] * 5 for _ in range(12)]

    def outer(place: int) -> None:
        def inner(number: int) -> None:
            done[place][number] += 1

        crew.each(inner, 5)

    caller = threading.Thread(target=crew.each, args=(outer, 12), daemon=True)
    caller.start()
    caller.join(timeout=10)
    assert not caller.is_alive()
    assert done == [[1] * 5] * 12


def test_an_interruption_of_the_caller_waits_for_the_others_and_is_raised() -> None:
    crew, begun, ended = Crew(2), threading.Barrier(2, timeout=10), []

    def work(number: int) -> None:
        begun.wait()
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        time.sleep(0.05)
        ended.append(number)

    with pytest.raises(KeyboardInterrupt):
        crew.each(work, 2)
    assert len(ended) == 1  # so what it wrote to may be used again at once


def test_a_crew_that_is_forgotten_ends_its_threads() -> None:
    crew = Crew(3)
    before = set(threading.enumerate())
    crew.each(lambda number: time.sleep(0.01), 6)
    started = set(threading.enumerate()) - before
    assert 1 <= len(started) <= 2
    assert all(thread.name.startswith("fieldguide-crew") for thread in started)
    del crew
    for thread in started:
        thread.join(timeout=10)
        assert not thread.is_alive()


def test_a_crew_is_copied_without_its_threads() -> None:
    crew = Crew(3)
    crew.each(lambda number: None, 9)
    copy = pickle.loads(pickle.dumps(crew))
    done: list[int] = []
    copy.each(done.append, 9)
    assert copy.threads == 3
    assert sorted(done) == list(range(9))


FORKED = """
import os
from fieldguide.parallel import Crew

crew = Crew(2)
crew.each(lambda number: None, 9)
child = os.fork()
done = []
crew.each(done.append, 9)
if child == 0:
    os._exit(0 if sorted(done) == list(range(9)) else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_crew_works_on_in_a_fork() -> None:
    """In a process of its own: a fork of this one could lock up other libraries' threads."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED]
    assert subprocess.run(command, timeout=30, check=False).returncode == 0
