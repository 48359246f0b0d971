# SPDX-License-Identifier: MIT
"""Legal and illegal calls in a random order, against a model of what each object must then say.

python fuzz_api.py [SECONDS [SEED]]: rounds with one seed after the other, which is said first, so that a round that fails
(or ends the process) can be had again: python fuzz_api.py 0 SEED.
"""

import gc
import random
import sys
import time
import warnings

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as some
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

import cygcd

warnings.simplefilter("ignore", ResourceWarning)
LIMIT = 5


def raises(kind, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except kind:
        return True
    return False


class Model:
    """What is known of a queue."""

    def __init__(self, queue, concurrent, inactive, target):
        self.queue, self.concurrent = queue, concurrent
        self.inactive = self.was_inactive = inactive
        self.target, self.former, self.suspensions = target, [], 0
        self.ran, self.submitted = [], 0
        self.context, self.specifics = None, {}

    def way(self):
        """The queue and its targets, outwards."""
        seen = self
        while seen is not None:
            yield seen
            seen = seen.target

    def reached(self):
        """The same, and former targets too: what stands in line there waits there."""
        found, left = set(), [self]
        while left:
            seen = left.pop()
            if seen is not None and seen not in found:
                found.add(seen)
                left += [seen.target, *seen.former]
        return found

    def runs(self):
        return not any(each.inactive or each.suspensions for each in self.reached())


class Machine(RuleBasedStateMachine):
    queues, groups, semaphores, timers, pieces = map(Bundle, ("queues", "groups", "semaphores", "timers", "pieces"))

    def __init__(self):
        super().__init__()
        self.all = []

    # ---- queues

    @rule(target=queues, concurrent=some.booleans(), inactive=some.booleans())
    def make_queue(self, concurrent, inactive):
        made = Model(cygcd.Queue("q", concurrent=concurrent, inactive=inactive), concurrent, inactive, None)
        self.all.append(made)
        return made

    @rule(target=queues, on=queues, inactive=some.booleans())
    def make_queue_with_target(self, on, inactive):
        made = Model(cygcd.Queue("t", target=on.queue, inactive=inactive), False, inactive, on)
        self.all.append(made)
        return made

    @rule(at=queues, barrier=some.booleans(), count=some.integers(1, 20))
    def submit(self, at, barrier, count):
        for _ in range(count):
            number = at.submitted
            at.submitted += 1
            (at.queue.barrier_async if barrier else at.queue.run_async)(lambda number=number: at.ran.append(number))

    @rule(at=queues)
    def sync(self, at):
        if at.inactive:
            assert raises(RuntimeError, at.queue.run_sync, print)
        elif at.runs():
            assert at.queue.run_sync(lambda: at.queue.is_current())
            assert at.queue.barrier_sync(lambda: len(at.ran)) == at.submitted
            assert raises(ZeroDivisionError, at.queue.run_sync, lambda: 1 / 0)
            serial = not at.concurrent or any(not each.concurrent for each in at.way())
            # A concurrent queue may have had another target when its items began.
            assert (sorted(at.ran) if at.concurrent else at.ran) == list(range(at.submitted))
            if serial:
                assert raises(RuntimeError, at.queue.run_sync, lambda: at.queue.run_sync(print))
            else:
                assert at.queue.run_sync(lambda: at.queue.run_sync(lambda: 7)) == 7
            assert raises(RuntimeError, at.queue.barrier_sync, lambda: at.queue.barrier_sync(print))

    @rule(one=queues, other=queues)
    def sync_inside_sync(self, one, other):
        if not (one.runs() and other.runs()):
            return
        held = {each for each in one.way() if not each.concurrent}
        wanted = {each for each in other.way() if not each.concurrent}
        if held & wanted:
            assert raises(RuntimeError, one.queue.run_sync, lambda: other.queue.run_sync(print))
        else:
            assert one.queue.run_sync(lambda: other.queue.run_sync(lambda: 7)) == 7

    @rule(at=queues)
    def suspend(self, at):
        at.queue.suspend()
        at.suspensions += 1

    @rule(at=queues)
    def resume(self, at):
        if at.suspensions:
            at.queue.resume()
            at.suspensions -= 1
        else:
            assert raises(RuntimeError, at.queue.resume)

    @rule(at=queues)
    def activate(self, at):
        if at.inactive:
            at.queue.activate()
            at.inactive = False
        else:
            assert raises(RuntimeError, at.queue.activate)

    @rule(at=queues, to=queues)
    def retarget(self, at, to):
        if at.was_inactive and not at.inactive:
            assert raises((RuntimeError, ValueError), at.queue.set_target_queue, to.queue)
        elif at in to.way():
            assert raises(ValueError, at.queue.set_target_queue, to.queue)
        else:
            try:
                at.queue.set_target_queue(to.queue)
            except RuntimeError as error:
                # Some work of the other one's has not left this one's line yet.
                assert "stands in its line" in str(error)
            else:
                at.former.append(at.target)
                at.target = to

    @rule(at=queues, key=some.integers(0, 3), value=some.none() | some.integers())
    def values(self, at, key, value):
        at.queue.set_specific(key, value)
        at.specifics[key] = value
        at.queue.set_context(value)
        assert at.queue.get_context() == value
        assert all(at.queue.get_specific(each) == kept for each, kept in at.specifics.items())

    @rule(at=queues, bad=some.sampled_from([None, 5, "text", [], float("nan")]))
    def bad_arguments(self, at, bad):
        for method in (at.queue.run_async, at.queue.run_sync, at.queue.barrier_async, at.queue.barrier_sync):
            assert raises(TypeError, method, bad)
        assert raises(TypeError, at.queue.set_target_queue, bad)
        assert raises(TypeError, cygcd.Group().run_async, bad, print)

    @invariant()
    def queues_say_what_they_are(self):
        for each in self.all[-10:]:
            assert each.queue.is_inactive == each.inactive
            assert not each.queue.is_current()

    # ---- groups

    @rule(target=groups)
    def make_group(self):
        return {"group": cygcd.Group(), "entered": 0, "told": 0, "asked": 0}

    @rule(group=groups)
    def enter(self, group):
        group["group"].enter()
        group["entered"] += 1

    @rule(group=groups)
    def leave(self, group):
        if group["entered"]:
            group["group"].leave()
            group["entered"] -= 1
        else:
            assert raises(RuntimeError, group["group"].leave)

    @rule(group=groups)
    def run_in_group(self, group):
        ran = []
        queue = cygcd.Queue()
        for _ in range(10):
            group["group"].run_async(queue, lambda: ran.append(1))
        queue.run_sync(lambda: None)
        assert len(ran) == 10
        if group["entered"]:
            assert not group["group"].wait(0.001)
        else:
            assert group["group"].wait(LIMIT)

    @rule(group=groups)
    def notify(self, group):
        told = cygcd.Semaphore()
        group["group"].notify(cygcd.Queue.global_queue(), told.signal)
        if group["entered"]:
            assert not told.wait(0.001)
        else:
            assert told.wait(LIMIT)

    # ---- semaphores, timers, data

    @rule(target=semaphores, value=some.integers(-1, 5))
    def make_semaphore(self, value):
        if value < 0:
            assert raises(ValueError, cygcd.Semaphore, value)
            value = 0
        return [cygcd.Semaphore(value), value]

    @rule(of=semaphores, limit=some.sampled_from([0, 0.0005, float("nan"), -2]))
    def wait(self, of, limit):
        if not limit >= 0:
            assert raises(ValueError, of[0].wait, limit)
            return
        assert of[0].wait(limit) == (of[1] > 0)
        of[1] = max(0, of[1] - 1)

    @rule(of=semaphores)
    def signal(self, of):
        assert of[0].signal() is False
        of[1] += 1

    @rule(target=timers, repeating=some.booleans())
    def make_timer(self, repeating):
        fired, ended = cygcd.Semaphore(), cygcd.Semaphore()
        timer = cygcd.Timer(0.001, lambda: (fired.signal(), timer and None), repeating=repeating)
        timer.set_cancel_handler(ended.signal)
        return {"timer": timer, "fired": fired, "ended": ended, "started": False, "cancelled": False, "held": 0}

    @rule(of=timers)
    def start(self, of):
        if of["cancelled"]:
            assert raises(RuntimeError, of["timer"].start)
            return
        of["timer"].start()
        if not of["started"] and not of["held"]:
            assert of["fired"].wait(LIMIT)
        of["started"] = True

    @rule(of=timers, waits=some.booleans())
    def cancel(self, of, waits):
        (of["timer"].cancel_and_wait if waits else of["timer"].cancel)()
        if not of["cancelled"]:
            assert of["ended"].wait(LIMIT)
        assert not of["ended"].wait(0)
        of["cancelled"] = True
        assert of["timer"].is_cancelled

    @rule(of=timers)
    def hold(self, of):
        of["timer"].suspend()
        of["held"] += 1

    @rule(of=timers)
    def let_go(self, of):
        if of["held"]:
            of["timer"].resume()
            of["held"] -= 1
        else:
            assert raises(RuntimeError, of["timer"].resume)

    @rule(of=consumes(timers))
    def drop(self, of):
        # In a cycle with its handler.
        ended = of["ended"]
        was = of["cancelled"]
        of.clear()
        gc.collect()
        assert was or ended.wait(LIMIT)

    @rule(target=pieces, raw=some.binary(max_size=50))
    def make_data(self, raw):
        return cygcd.Data(bytearray(raw)), raw

    @rule(target=pieces, one=pieces, other=pieces, offset=some.integers(-1, 60), length=some.integers(-1, 2**70))
    def use_data(self, one, other, offset, length):
        data, raw = one[0].concat(other[0]), one[1] + other[1]
        assert bytes(data) == raw and data == raw and hash(data) == hash(raw) and len(data) == len(raw)
        if offset < 0 or length < 0:
            assert raises(ValueError, data.subrange, offset, length)
            return data.subrange(0, 100), raw[:100]
        part, wanted = data.subrange(offset, length), raw[offset : offset + min(length, 100)]
        part = part.subrange(0, 100)
        assert bytes(part) == wanted and b"".join(part.regions()) == wanted
        return part, wanted

    def teardown(self):
        for each in self.all:
            while each.suspensions:
                each.queue.resume()
                each.suspensions -= 1
            if each.inactive:
                each.queue.activate()
                each.inactive = False
        for each in self.all:
            assert each.queue.barrier_sync(lambda each=each: len(each.ran)) == each.submitted
            assert sorted(each.ran) == list(range(each.submitted))


def one_round(number, examples):
    class Seeded(Machine):
        """A name of its own, as hypothesis remembers failures by it."""

    run_state_machine_as_test(
        seed(number)(Seeded),
        settings=settings(
            max_examples=examples,
            stateful_step_count=60,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )


def main(seconds, first):
    end = time.monotonic() + seconds
    number = first
    while True:
        print(f"seed {number}", flush=True)
        one_round(number, 20)
        number += 1
        if time.monotonic() >= end:
            break
    print(f"{number - first} rounds without a difference")


if __name__ == "__main__":
    main(
        float(sys.argv[1]) if len(sys.argv) > 1 else 60,
        int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(2**32),
    )
