"""Runs a peer in several processes at once on one GPU and prints one JSON line: the times of the slowest.

Under NVIDIA's MPS where nvidia-cuda-mps-control is there, so that kernels of different processes run at the same time. The processes meet before their
timed steps, so that they share the card for all of them.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser()
parser.add_argument("--count", type=int, required=True)
parser.add_argument("command", nargs=argparse.REMAINDER, help="-- and the peer's command")
args = parser.parse_args()
command = args.command[1:] if args.command[:1] == ["--"] else args.command

with tempfile.TemporaryDirectory() as folder:
    meeting = os.path.join(folder, "meeting")
    os.mkdir(meeting)
    environment = dict(os.environ)
    control = shutil.which("nvidia-cuda-mps-control")
    if control:
        environment.update(CUDA_MPS_PIPE_DIRECTORY=os.path.join(folder, "pipe"), CUDA_MPS_LOG_DIRECTORY=os.path.join(folder, "log"))
        os.mkdir(environment["CUDA_MPS_PIPE_DIRECTORY"])
        os.mkdir(environment["CUDA_MPS_LOG_DIRECTORY"])
        subprocess.run([control, "-d"], env=environment, check=True)
    try:
        processes = [
            subprocess.Popen([*command, "--meet", f"{meeting}:{args.count}"], env=environment, stdout=subprocess.PIPE, text=True)
            for _ in range(args.count)
        ]
        outputs = [process.communicate()[0] for process in processes]
    finally:
        if control:
            subprocess.run([control], input="quit\n", text=True, env=environment)
if any(process.returncode for process in processes):
    sys.exit(f"processes ended with {[process.returncode for process in processes]}")
documents = [json.loads(output.strip().splitlines()[-1]) for output in outputs]
slowest = max(documents, key=lambda document: document["timed_seconds"])
print(json.dumps({**slowest, "processes": args.count, "mps": bool(control), "all_timed_seconds": [d["timed_seconds"] for d in documents]}))
