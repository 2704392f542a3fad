"""Fine-tuning steps in a plain PyTorch loop, without Trainer: SDPA attention, fused AdamW, batches grouped by length. Prints one JSON line."""

import argparse
import json
import os

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, get_linear_schedule_with_warmup

import batches
import device
from clock import Clock
from glue import TASKS, Rows, cached, encode

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--task", required=True)
parser.add_argument("--data_dir", required=True)
parser.add_argument("--tokens", required=True, help="keep tokenized rows in this folder and take them from there")
parser.add_argument("--seed", type=int, default=42)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--lr", type=float, default=5e-5)
parser.add_argument("--max_steps", type=int, required=True)
parser.add_argument("--untimed", type=int, default=0, help="first steps that are timed apart")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--bf16", action="store_true")
parser.add_argument("--tf32", action="store_true")
parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
args = parser.parse_args()

torch.set_num_threads(args.threads)
torch.manual_seed(args.seed)
if args.tf32:
    torch.set_float32_matmul_precision("high")
transformers.utils.logging.set_verbosity_error()
tokenizer = AutoTokenizer.from_pretrained(args.model)
model = AutoModelForSequenceClassification.from_pretrained(args.model, num_labels=len(TASKS[args.task][2]), attn_implementation="sdpa").to(args.device)
os.makedirs(args.tokens, exist_ok=True)
path = os.path.join(args.tokens, f"{os.path.basename(os.path.normpath(args.model))}-{args.task}-train-128-0.npz")
rows = Rows(cached(path, lambda: encode(tokenizer, args.data_dir, args.task, "train", 128)))
chosen = batches.typical(batches.epoch(rows.lengths, args.batch, True, args.seed), rows.lengths, args.max_steps, args.seed)
collate = DataCollatorWithPadding(tokenizer)
optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0, fused=True)
schedule = get_linear_schedule_with_warmup(optimizer, 0, args.max_steps)

model.train()
clock = Clock(args.untimed, args.max_steps, device.waiting(args.device))
clock.stamp()
for batch in chosen:
    inputs = collate([rows[i] for i in batch]).to(args.device)
    with torch.autocast(args.device.split(":")[0], torch.bfloat16, enabled=args.bf16):
        loss = model(**inputs).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    optimizer.zero_grad()
    clock.stamp()

timed = chosen[args.untimed :]
record = {
    **clock.record(args.untimed),
    "timed_rows": args.batch * len(timed),
    "timed_tokens": batches.tokens(timed, rows.lengths),
    "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
}
print(json.dumps(record))
