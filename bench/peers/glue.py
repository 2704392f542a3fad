"""The GLUE TSV files as torch data sets, and GLUE's metrics as run_glue computes them."""

import os

import numpy as np
import torch

# folder, file of the dev split, label names in Hugging Face's order (None = a score), columns by name or (CoLA) number
TASKS = {
    "cola": ("CoLA", "dev", ["0", "1"], ("3",), "1"),
    "sst2": ("SST-2", "dev", ["0", "1"], ("sentence",), "label"),
    "mrpc": ("MRPC", "dev", ["0", "1"], ("#1 String", "#2 String"), "Quality"),
    "stsb": ("STS-B", "dev", None, ("sentence1", "sentence2"), "score"),
    "qqp": ("QQP", "dev", ["0", "1"], ("question1", "question2"), "is_duplicate"),
    "mnli": ("MNLI", "dev_matched", ["entailment", "neutral", "contradiction"], ("sentence1", "sentence2"), "gold_label"),
    "qnli": ("QNLI", "dev", ["entailment", "not_entailment"], ("question", "sentence"), "label"),
    "rte": ("RTE", "dev", ["entailment", "not_entailment"], ("sentence1", "sentence2"), "label"),
    "wnli": ("WNLI", "dev", ["0", "1"], ("sentence1", "sentence2"), "label"),
}


def read_rows(data_dir, task, split):
    """The texts (a list of one or two columns) and the labels of a split ("train" or "dev")."""
    folder, dev, labels, columns, label = TASKS[task]
    path = os.path.join(data_dir, folder, ("train" if split == "train" else dev) + ".tsv")
    with open(path, encoding="utf-8-sig", newline="\n") as file:
        lines = [line.rstrip("\r\n").split("\t") for line in file if line.strip()]
    names = [str(i) for i in range(4)] if task == "cola" else lines.pop(0)
    texts = [[row[names.index(column)] for row in lines] for column in columns]
    values = [row[names.index(label)] for row in lines]
    return texts, [float(v) if labels is None else labels.index(v) for v in values]


def encode(tokenizer, data_dir, task, split, max_length, limit=0):
    """Token ids and segment ids of each row (lists without padding), and the labels; of the first `limit` rows if it is not 0."""
    texts, labels = read_rows(data_dir, task, split)
    if limit:
        texts, labels = [column[:limit] for column in texts], labels[:limit]
    return {**tokenizer(*texts, max_length=max_length, truncation=True), "labels": labels}


def cached(path, make):
    """What `make` returns, from a file of flat arrays if it is there, as the `datasets` package caches tokenized rows."""
    if not os.path.exists(path):
        rows = make()
        offsets = np.cumsum([0] + [len(ids) for ids in rows["input_ids"]])
        flat = {name: np.concatenate(rows[name]) for name in ("input_ids", "token_type_ids")}
        np.savez(path + ".tmp.npz", offsets=offsets, labels=np.array(rows["labels"]), **flat)
        os.replace(path + ".tmp.npz", path)
    file = np.load(path)
    offsets = file["offsets"].tolist()
    rows = {"labels": file["labels"].tolist()}
    for name in ("input_ids", "token_type_ids"):
        values = file[name].tolist()
        rows[name] = [values[a:b] for a, b in zip(offsets, offsets[1:])]
    rows["attention_mask"] = [[1] * len(ids) for ids in rows["input_ids"]]
    return rows


class Rows(torch.utils.data.Dataset):
    """Tokenized rows, padded to `pad_to` tokens here or left ragged for the collator."""

    def __init__(self, rows, pad_to=0):
        self.labels = rows["labels"]
        self.lengths = [len(ids) for ids in rows["input_ids"]]
        names = ("input_ids", "token_type_ids", "attention_mask")
        self.encoded = {name: [row + [0] * (pad_to - len(row)) for row in rows[name]] for name in names}

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {**{name: column[i] for name, column in self.encoded.items()}, "label": self.labels[i]}


def metrics(task, logits, labels):
    """run_glue's metrics of a task, as fractions."""
    from scipy.stats import pearsonr, spearmanr
    from sklearn.metrics import f1_score, matthews_corrcoef

    predictions = np.squeeze(logits) if TASKS[task][2] is None else np.argmax(logits, axis=1)
    if task == "stsb":
        pearson, spearman = float(pearsonr(predictions, labels)[0]), float(spearmanr(predictions, labels)[0])
        return {"pearson": pearson, "spearmanr": spearman, "combined_score": (pearson + spearman) / 2}
    if task == "cola":
        return {"matthews_correlation": float(matthews_corrcoef(labels, predictions))}
    accuracy = float((predictions == labels).mean())
    if task in ("mrpc", "qqp"):
        f1 = float(f1_score(labels, predictions))
        return {"accuracy": accuracy, "f1": f1, "combined_score": (accuracy + f1) / 2}
    return {"accuracy": accuracy}
