"""Signals end a run where they can be raised, and wait where something must not be cut in two."""

import contextlib
import signal
import sys
import threading
import time

import pytest

from layerproof.process.signals import ENDING, Ended, Ending, held_back


@pytest.fixture(autouse=True)
def handlers(monkeypatch):
    """Put back what a test that ends by a signal leaves ignored or silent."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    before = {number: signal.getsignal(number) for number in ENDING}
    for number in ENDING:
        signal.signal(number, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_is_raised_once_and_further_ones_are_ignored(number):
    ending = Ending()

    def run():
        with ending:
            try:
                signal.raise_signal(number)
            finally:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(Ended, match=number.name):
        run()
    assert number == ending.number
    assert [signal.SIG_IGN] * 3 == [signal.getsignal(n) for n in ENDING]


def test_without_a_signal_all_is_as_before():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    before = [signal.getsignal(n) for n in ENDING]
    hook = sys.unraisablehook
    with Ending():
        signal.raise_signal(signal.SIGHUP)
        assert hook != sys.unraisablehook
    assert (before, hook) == ([signal.getsignal(n) for n in ENDING], sys.unraisablehook)


def test_a_signal_that_was_swallowed_does_not_make_the_next_one_ineffective():
    def run():
        with Ending():
            with contextlib.suppress(BaseException):
                signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Ended):
        run()


def test_a_signal_that_was_swallowed_comes_again():
    def run():
        with Ending():
            with contextlib.suppress(BaseException):
                signal.raise_signal(signal.SIGINT)
            time.sleep(60)

    with pytest.raises(Ended, match="SIGINT"):
        run()


def test_a_signal_that_comes_where_nothing_can_be_raised_is_raised_later(capfd):
    class Dying:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    def run():
        with Ending():
            Dying()
            time.sleep(60)

    with pytest.raises(Ended, match="SIGTERM"):
        run()
    assert ("", "") == capfd.readouterr()


def test_what_is_held_back_comes_when_the_block_is_done():
    done = []

    def run():
        with Ending():
            with held_back():
                with held_back():
                    signal.raise_signal(signal.SIGTERM)
                    done.append("inner")
                done.append("outer")
            done.append("too late")

    with pytest.raises(Ended, match="SIGTERM"):
        run()
    assert ["inner", "outer"] == done


def test_only_the_main_thread_has_signals():
    done = []

    def work():
        with Ending(), held_back():
            done.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [signal.default_int_handler] == done
