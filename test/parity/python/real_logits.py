"""Logits of a saved folder by transformers: reads a JSON request from standard input, prints a JSON answer.

Request: {"folder", "maxLength", "tasks": {name: [[text] or [text, text], ...]}}. Answer: {name: {"ids": [...], "logits": [...]}}.
"""

import json
import sys

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer

request = json.load(sys.stdin)
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
torch.set_num_threads(1)
tokenizer = AutoTokenizer.from_pretrained(request["folder"])
model, info = AutoModelForSequenceClassification.from_pretrained(request["folder"], output_loading_info=True)
model.eval()
answer = {"loading": {name: sorted(map(str, info[name])) for name in ("missing_keys", "unexpected_keys", "mismatched_keys")}, "tasks": {}}
for name, rows in request["tasks"].items():
    ids, logits = [], []
    for start in range(0, len(rows), 20):
        columns = [list(column) for column in zip(*rows[start : start + 20])]
        batch = tokenizer(*columns, max_length=request["maxLength"], truncation=True, padding=True, return_tensors="pt")
        with torch.no_grad():
            logits.extend(model(**batch).logits.tolist())
        ids.extend([row[: int(mask.sum())] for row, mask in zip(batch["input_ids"].tolist(), batch["attention_mask"])])
    answer["tasks"][name] = {"ids": ids, "logits": logits}
json.dump(answer, sys.stdout)
