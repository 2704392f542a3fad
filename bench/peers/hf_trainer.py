"""Fine-tunes one GLUE task with Hugging Face's Trainer and prints one JSON line.

The peer of lrdist's own `train`: same rows, same options, Trainer's defaults otherwise (AdamW, linear schedule without warm-up, weight decay 0,
clipping at 1.0).
"""

import argparse
import json
import os
import platform
import sys
import tempfile


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--task", required=True)
    parser.add_argument("--data_dir", required=True, help="folder of GLUE task folders")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=5e-5)
    parser.add_argument("--max_seq_length", type=int, default=128)
    parser.add_argument("--padding", choices=["max_length", "longest"], default="max_length", help="run_glue's default, or per batch")
    parser.add_argument("--group_by_length", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--tf32", action="store_true")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--meet", default="", help="FOLDER:COUNT: begin the timed steps together with so many processes")
    parser.add_argument("--compile", action="store_true", help="torch.compile")
    parser.add_argument("--threads", type=int, default=0, help="0 = torch's own choice")
    parser.add_argument("--max_steps", type=int, default=-1)
    parser.add_argument("--typical", action="store_true", help="the steps take batches from the whole epoch, not its first ones")
    parser.add_argument("--untimed", type=int, default=0, help="first steps that are timed apart")
    parser.add_argument("--max_train_samples", type=int, default=0)
    parser.add_argument("--tokens", default="", help="keep tokenized rows in this folder and take them from there")
    parser.add_argument("--no_eval", action="store_true")
    parser.add_argument("--no_train", action="store_true", help="only evaluate")
    parser.add_argument("--linear", choices=["plain", "onednn"], default="plain", help="matrix product inside torch.nn.Linear")
    parser.add_argument("--output_dir", help="keep the fine-tuned model in this folder")
    parser.add_argument("--output", default="", help="also write the JSON to this file")
    return parser.parse_args()


def main():
    args = arguments()
    if args.device.startswith("cuda:"):
        os.environ["CUDA_VISIBLE_DEVICES"] = args.device[5:]
    import numpy
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)
    import transformers
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
        default_data_collator,
        set_seed,
    )

    import batches
    import onednn_linear
    import device
    from clock import Clock
    from glue import TASKS, Rows, cached, encode, metrics

    transformers.utils.logging.set_verbosity_error()
    if args.linear == "onednn":
        onednn_linear.install()
    set_seed(args.seed)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    labels = TASKS[args.task][2]
    model = AutoModelForSequenceClassification.from_pretrained(args.model, num_labels=1 if labels is None else len(labels))
    pad = args.padding == "max_length"

    def rows(split, limit=0):
        make = lambda: encode(tokenizer, args.data_dir, args.task, split, args.max_seq_length, limit)
        if not args.tokens:
            return Rows(make(), args.max_seq_length if pad else 0)
        os.makedirs(args.tokens, exist_ok=True)
        name = os.path.basename(os.path.normpath(args.model))
        path = os.path.join(args.tokens, f"{name}-{args.task}-{split}-{args.max_seq_length}-{limit}.npz")
        return Rows(cached(path, make), args.max_seq_length if pad else 0)

    train = None if args.no_train else rows("train", args.max_train_samples)
    chosen = []
    if args.typical:
        whole = batches.epoch(train.lengths, args.batch, args.group_by_length, args.seed)
        chosen = batches.typical(whole, train.lengths, args.max_steps, args.seed)

    class TypicalTrainer(Trainer):
        def _get_train_sampler(self, train_dataset=None):
            return [i for rows in chosen for i in rows]

    with tempfile.TemporaryDirectory() as scratch:
        training = TrainingArguments(
            output_dir=args.output_dir or scratch,
            seed=args.seed,
            num_train_epochs=args.epochs,
            max_steps=args.max_steps,
            per_device_train_batch_size=args.batch,
            per_device_eval_batch_size=args.batch,
            learning_rate=args.lr,
            train_sampling_strategy="group_by_length" if args.group_by_length else "random",
            bf16=args.bf16,
            bf16_full_eval=args.bf16 and args.no_train,
            torch_compile=args.compile,
            use_cpu=args.device == "cpu",
            **({"tf32": True} if args.tf32 else {}),
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        clock = Clock(args.untimed, args.max_steps, device.waiting(args.device), device.meeting(args.meet))
        trainer = (TypicalTrainer if args.typical else Trainer)(
            model=model,
            args=training,
            train_dataset=train,
            processing_class=tokenizer,
            data_collator=default_data_collator if pad else DataCollatorWithPadding(tokenizer),
            compute_metrics=lambda p: metrics(args.task, p.predictions, p.label_ids),
            callbacks=[clock],
        )
        result = {}
        if train is not None:
            result.update(trainer.train().metrics, **clock.record(args.untimed))
        if not args.no_eval:
            result.update(trainer.evaluate(rows("dev")))
        if args.output_dir:
            trainer.save_model()
    timed = chosen[args.untimed :]
    record = {
        **result,
        **({"timed_rows": args.batch * len(timed), "timed_tokens": batches.tokens(timed, train.lengths)} if timed else {}),
        "steps": trainer.state.global_step,
        "settings": {k: v for k, v in vars(args).items() if k not in ("model", "data_dir", "output", "output_dir", "tokens", "meet")},
        "model": os.path.basename(os.path.normpath(args.model)),
        "optimizer": str(training.optim.value),
        "attention": model.config._attn_implementation,
        "threads": torch.get_num_threads(),
        **device.facts(args.device),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "numpy": numpy.__version__,
        },
    }
    line = json.dumps(record)
    if args.output:
        with open(args.output + ".tmp", "w", encoding="utf-8") as file:
            file.write(line + "\n")
        os.replace(args.output + ".tmp", args.output)
    print(line)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
