"""Ten steps of a tiny BERT under an exported module with phases, as JSON. Arguments: the module's file, a folder."""

import importlib.util
import json
import sys

import torch
import transformers

spec = importlib.util.spec_from_file_location("exported", sys.argv[1])
exported = importlib.util.module_from_spec(spec)
spec.loader.exec_module(exported)
steps = 10


def tiny():
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=11, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8, num_labels=3
    )
    return transformers.BertForSequenceClassification(config).eval()


def steps_of(model, optimizer, scheduler):
    """Of every step: each group's rate, and which groups moved."""
    found = []
    for _ in range(steps):
        before = [[p.detach().clone() for p in group["params"]] for group in optimizer.param_groups]
        optimizer.zero_grad()
        model(input_ids=torch.tensor([[1, 2, 3]]), labels=torch.tensor([1])).loss.backward()
        optimizer.step()
        names = [group["group"] for group in optimizer.param_groups]
        found.append(
            {
                "rates": {name: group["lr"] for name, group in zip(names, optimizer.param_groups)},
                "moved": sorted(
                    {
                        name
                        for name, group, old in zip(names, optimizer.param_groups, before)
                        if any(not torch.equal(a, b) for a, b in zip(group["params"], old))
                    }
                ),
            }
        )
        scheduler.step()
    return found


def counts(optimizer):
    """Adam's step count of each group's parameters."""
    return {
        group["group"]: int(max((optimizer.state[p]["step"] for p in group["params"] if p in optimizer.state), default=0))
        for group in optimizer.param_groups
    }


model = tiny()
optimizer = exported.build_optimizer(model, 0.01)
result = {"plain": steps_of(model, optimizer, exported.PhaseScheduler(optimizer, steps)), "counts": counts(optimizer)}

arguments = transformers.TrainingArguments(
    output_dir=sys.argv[2], weight_decay=0.01, use_cpu=True, report_to=[], max_steps=steps
)
trainer = exported.RatesTrainer(model=tiny(), args=arguments)
trainer.create_optimizer_and_scheduler(steps)
result["trainer"] = steps_of(trainer.model, trainer.optimizer, trainer.lr_scheduler)

arguments = transformers.TrainingArguments(
    output_dir=sys.argv[2],
    use_cpu=True,
    report_to=[],
    lr_scheduler_type="reduce_lr_on_plateau",
    eval_strategy="steps",
    eval_steps=1,
)
trainer = exported.RatesTrainer(model=tiny(), args=arguments, eval_dataset=[{}])
try:
    trainer.create_optimizer_and_scheduler(steps)
except ValueError as caught:
    result["refused"] = str(caught)
print(json.dumps(result))
