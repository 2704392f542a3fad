"""Rates of a device by PyTorch's operators: a product of large matrices, and a copy of memory. Prints one JSON line."""

import argparse
import json
import time

import torch

import device

parser = argparse.ArgumentParser()
parser.add_argument("--device", default="cuda")
parser.add_argument("--precision", choices=["fp32", "tf32", "bf16"], default="bf16")
parser.add_argument("--size", type=int, default=8192)
args = parser.parse_args()

torch.set_float32_matmul_precision("high" if args.precision == "tf32" else "highest")
wait = device.waiting(args.device) or (lambda: None)


def fastest(work, rounds=10):
    """Seconds of the fastest round after three that warm up."""
    times = []
    for _ in range(3 + rounds):
        wait()
        start = time.perf_counter()
        work()
        wait()
        times.append(time.perf_counter() - start)
    return min(times[3:])


kind = torch.bfloat16 if args.precision == "bf16" else torch.float32
a, b = (torch.randn(args.size, args.size, device=args.device, dtype=kind) for _ in range(2))
product = fastest(lambda: a @ b)
source = torch.randn(args.size * args.size * 8, device=args.device)
target = torch.empty_like(source)
copy = fastest(lambda: target.copy_(source))
record = {
    "flops_per_second": 2 * args.size**3 / product,
    "copy_bytes_per_second": 2 * source.nbytes / copy,
    "size": args.size,
    "precision": args.precision,
    **device.facts(args.device),
}
print(json.dumps(record))
