"""Groups that an exported module makes of tiny BERTs of transformers, as JSON. Argument: the module's file."""

import importlib.util
import json
import sys

import torch
import transformers

spec = importlib.util.spec_from_file_location("exported", sys.argv[1])
exported = importlib.util.module_from_spec(spec)
spec.loader.exec_module(exported)


def config(layers):
    return transformers.BertConfig(
        vocab_size=11, hidden_size=8, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=8, num_labels=3
    )


def described(model, weight_decay):
    optimizer = exported.build_optimizer(model, weight_decay)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        "type": type(optimizer).__name__,
        "parameters": {
            names[id(parameter)]: [group["name"], group["lr"], group["weight_decay"]]
            for group in optimizer.param_groups
            for parameter in group["params"]
        },
        "frozen": [name for name, parameter in model.named_parameters() if not parameter.requires_grad],
        "all": list(names.values()),
    }


def error(call):
    try:
        call()
    except ValueError as caught:
        return str(caught)
    return None


layers = exported.LAYERS
result = {
    "classifier": described(transformers.BertForSequenceClassification(config(layers)), 0.01),
    "no_decay": described(transformers.BertForSequenceClassification(config(layers)), 0.0),
    "bare": described(transformers.BertModel(config(layers)), 0.0),
    "masked_lm": described(transformers.BertForMaskedLM(config(layers)), 0.0),
    "depth": error(lambda: exported.parameter_groups(transformers.BertModel(config(layers + 1)))),
}

groups = exported.GROUPS
exported.GROUPS = groups + [("extra", 1e-5, ["^nothing$"])]
result["empty"] = error(lambda: exported.parameter_groups(transformers.BertModel(config(layers))))
exported.GROUPS = groups[:-1]
result["unmatched"] = error(lambda: exported.parameter_groups(transformers.BertForSequenceClassification(config(layers))))
exported.GROUPS = groups

if hasattr(exported, "RatesTrainer"):
    arguments = transformers.TrainingArguments(
        output_dir=sys.argv[2], weight_decay=0.01, use_cpu=True, report_to=[], max_steps=4, adam_epsilon=1e-6
    )
    trainer = exported.RatesTrainer(model=transformers.BertForSequenceClassification(config(layers)), args=arguments)
    trainer.create_optimizer_and_scheduler(4)
    rates = [group["lr"] for group in trainer.optimizer.param_groups]
    trainer.optimizer.step()
    trainer.lr_scheduler.step()
    result["trainer"] = {
        "rates": rates,
        "next": [group["lr"] for group in trainer.optimizer.param_groups],
        "eps": trainer.optimizer.defaults["eps"],
        "decays": sorted({group["weight_decay"] for group in trainer.optimizer.param_groups}),
    }

# The same step as one that torch is told parameter by parameter.
torch.manual_seed(0)
model = transformers.BertForSequenceClassification(config(layers)).eval()
other = transformers.BertForSequenceClassification(config(layers)).eval()
other.load_state_dict(model.state_dict())
table = result["classifier"]["parameters"]
by_hand = torch.optim.AdamW(
    [{"params": [p], "lr": table[n][1], "weight_decay": table[n][2]} for n, p in other.named_parameters() if n in table]
)
for each, optimizer in [(model, exported.build_optimizer(model, 0.01)), (other, by_hand)]:
    for _ in range(2):
        optimizer.zero_grad()
        each(input_ids=torch.tensor([[1, 2, 3]]), labels=torch.tensor([1])).loss.backward()
        optimizer.step()
result["same_step"] = all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters()))
print(json.dumps(result))
