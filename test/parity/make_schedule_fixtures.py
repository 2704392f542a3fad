"""Learning-rate factors of transformers' schedulers, for test/unit/rates/schedule.test.ts.

    python3 test/parity/make_schedule_fixtures.py

writes test/parity/fixtures/schedules.json. Needs torch and transformers.
"""

import json
import math
import pathlib

import torch
import transformers

CASES = [
    # name, total, warm-up as given (below 1 = share), base rate, kwargs
    ("linear", 20, 0, 5e-5, {}),
    ("linear", 20, 0.1, 5e-5, {}),
    ("linear", 23, 0.1, 5e-5, {}),
    ("linear", 20, 7, 5e-5, {}),
    ("linear", 5, 5, 5e-5, {}),
    ("linear", 5, 9, 5e-5, {}),
    ("linear", 1, 0.1, 5e-5, {}),
    ("cosine", 20, 0, 5e-5, {}),
    ("cosine", 20, 3, 5e-5, {}),
    ("cosine", 20, 3, 5e-5, {"num_cycles": 1.5}),
    ("constant", 6, 3, 5e-5, {}),
    ("constant_with_warmup", 12, 4, 5e-5, {}),
    ("polynomial", 20, 0, 5e-5, {}),
    ("polynomial", 20, 4, 5e-5, {"power": 2.0}),
    ("polynomial", 20, 4, 1e-3, {"lr_end": 1e-4, "power": 0.5}),
    ("inverse_sqrt", 20, 0, 5e-5, {}),
    ("inverse_sqrt", 20, 5, 5e-5, {}),
    ("inverse_sqrt", 20, 5, 5e-5, {"timescale": 50}),
    ("cosine_with_restarts", 24, 0, 5e-5, {}),
    ("cosine_with_restarts", 24, 4, 5e-5, {"num_cycles": 3}),
    ("cosine_with_min_lr", 20, 4, 5e-5, {"min_lr": 1e-5}),
    ("cosine_with_min_lr", 20, 0, 5e-5, {"min_lr_rate": 0.1, "num_cycles": 1.0}),
]


def factors(name, total, warmup, lr, kwargs):
    """Rates the optimizer really uses for its updates, divided by the base rate."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], lr=lr)
    steps = int(warmup) if warmup >= 1 else math.ceil(total * warmup)
    scheduler = transformers.get_scheduler(name, optimizer, steps, total, scheduler_specific_kwargs=kwargs)
    used = []
    for _ in range(total):
        used.append(optimizer.param_groups[0]["lr"] / lr)
        optimizer.step()
        scheduler.step()
    return used


def main():
    cases = [
        {"name": name, "total": total, "warmup_steps": warmup, "learning_rate": lr, "kwargs": kwargs, "factors": factors(name, total, warmup, lr, kwargs)}
        for name, total, warmup, lr, kwargs in CASES
    ]
    document = {"transformers": transformers.__version__, "torch": torch.__version__, "cases": cases}
    path = pathlib.Path(__file__).parent / "fixtures" / "schedules.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"{len(cases)} cases written")


if __name__ == "__main__":
    main()
