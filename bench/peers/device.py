"""What the peers need of the device that they run on."""

import os
import time

import torch


def waiting(device):
    """A function that waits for the device's queue, or None for the processor."""
    return None if device == "cpu" else torch.cuda.synchronize


def meeting(text):
    """A function that returns once so many processes have called it: FOLDER:COUNT. None for an empty text."""
    if not text:
        return None
    folder, count = text.rsplit(":", 1)

    def meet():
        open(os.path.join(folder, str(os.getpid())), "w").close()
        deadline = time.monotonic() + 600
        while len(os.listdir(folder)) < int(count):
            if time.monotonic() > deadline:
                raise SystemExit(f"{count} processes were to meet, {len(os.listdir(folder))} came")
            time.sleep(0.001)

    return meet


def facts(device):
    return {} if device == "cpu" else {"card": torch.cuda.get_device_name(), "cuda": torch.version.cuda}
