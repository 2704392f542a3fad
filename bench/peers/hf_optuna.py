"""A search of one rate with Hugging Face's Trainer and Optuna in one process: learn a second task without losing the first. Prints one JSON line.

The peer of the case `search`: the first task is learned once, every trial starts from there, learns the second task at the suggested rate and is
scored by the accuracy on held-out rows of both.
"""

import argparse
import copy
import json
import math
import os
import tempfile
import time

import optuna
import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments

from glue import TASKS, Rows, cached, encode, metrics

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--data_dir", required=True)
parser.add_argument("--tasks", nargs=2, required=True, help="the task to keep and the one to learn")
parser.add_argument("--rows", type=int, required=True, help="rows of each task that are trained on")
parser.add_argument("--selection_rows", type=int, required=True, help="rows of each task that trials are scored on")
parser.add_argument("--trials", type=int, required=True)
parser.add_argument("--epochs", type=int, required=True)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--tokens", required=True, help="keep tokenized rows in this folder and take them from there")
parser.add_argument("--seed", type=int, default=1)
args = parser.parse_args()

torch.set_num_threads(args.threads)
transformers.utils.logging.set_verbosity_error()
optuna.logging.set_verbosity(optuna.logging.ERROR)
tokenizer = AutoTokenizer.from_pretrained(args.model)


def splits(task):
    """Rows to train on, and the ones after them to score on."""
    os.makedirs(args.tokens, exist_ok=True)
    limit = args.rows + args.selection_rows
    path = os.path.join(args.tokens, f"{os.path.basename(os.path.normpath(args.model))}-{task}-train-128-{limit}.npz")
    rows = cached(path, lambda: encode(tokenizer, args.data_dir, task, "train", 128, limit))
    part = lambda a, b: Rows({name: column[a:b] for name, column in rows.items()})
    return part(0, args.rows), part(args.rows, limit)


def trainer(model, task, rate, scratch, train=None):
    settings = TrainingArguments(
        output_dir=scratch,
        seed=args.seed,
        num_train_epochs=args.epochs,
        per_device_train_batch_size=args.batch,
        per_device_eval_batch_size=args.batch,
        learning_rate=rate,
        train_sampling_strategy="group_by_length",
        use_cpu=True,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    return Trainer(
        model=model,
        args=settings,
        train_dataset=train,
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=lambda p: metrics(task, p.predictions, p.label_ids),
    )


def classifier(task):
    return AutoModelForSequenceClassification.from_pretrained(args.model, num_labels=len(TASKS[task][2]))


def main():
    first, second = args.tasks
    (first_train, first_held), (second_train, second_held) = splits(first), splits(second)
    with tempfile.TemporaryDirectory() as scratch:
        began = time.perf_counter()
        kept = classifier(first)
        trainer(kept, first, 3e-4, scratch, first_train).train()
        once = time.perf_counter() - began
        fresh_head = classifier(second).classifier

        def objective(trial):
            model = copy.deepcopy(kept)
            model.classifier = copy.deepcopy(fresh_head)
            rate = trial.suggest_float("learning_rate", 1e-6, 1e-2, log=True)
            run = trainer(model, second, rate, scratch, second_train)
            run.train()
            p_s = run.evaluate(second_held)["eval_accuracy"]
            model.classifier = kept.classifier
            p_o = trainer(model, first, rate, scratch).evaluate(first_held)["eval_accuracy"]
            value = p_s + p_o
            return value if math.isfinite(value) else 0

        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=args.seed))
        began = time.perf_counter()
        study.optimize(objective, n_trials=args.trials)
        seconds = time.perf_counter() - began
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "optuna": optuna.__version__}
    print(json.dumps({"trials": args.trials, "trial_seconds": seconds, "once_seconds": once, "best": study.best_value, "versions": versions}))


main()
