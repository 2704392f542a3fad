"""Times of training steps, the first ones apart: they set up libraries and memory."""

import time

from transformers import TrainerCallback


class Clock(TrainerCallback):
    """
    Stamps wall and processor time at the beginning and after each step.

    `wait` waits for the device where a stamp counts: at the beginning, after step `untimed` and after the last. `meet` is called after step
    `untimed`, before it is stamped again: for processes that are to begin together.
    """

    def __init__(self, untimed=0, last=-1, wait=None, meet=None):
        self.stamps = []
        self.untimed, self.last, self.wait, self.meet = untimed, last, wait, meet

    def stamp(self):
        step = len(self.stamps)
        counts = step in (0, self.untimed, self.last)
        if counts and self.wait:
            self.wait()
        if self.meet and step == self.untimed:
            self.meet()
        self.stamps.append((time.perf_counter(), time.process_time()))

    def on_train_begin(self, args, state, control, **kwargs):
        self.stamp()

    def on_step_end(self, args, state, control, **kwargs):
        self.stamp()

    def record(self, untimed):
        """Seconds of the steps after the first `untimed`, and of those."""
        first, middle, last = self.stamps[0], self.stamps[untimed], self.stamps[-1]
        return {
            "timed_steps": len(self.stamps) - 1 - untimed,
            "timed_seconds": last[0] - middle[0],
            "timed_cpu_seconds": last[1] - middle[1],
            "untimed_seconds": middle[0] - first[0],
        }
