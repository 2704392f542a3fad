"""Makes the fixtures of test/parity from transformers, in float64.

    pip install -r bench/peers/requirements.txt
    python3 test/parity/make_fixtures.py

Each fixture is three files: NAME.json (model, heads, rows, losses), NAME.weights.safetensors (float32, Hugging Face's names) and
NAME.expected.safetensors (what transformers computes from these weights in float64, stored as float32). The JSON also says how far transformers' own
float32 lies from that. Run again after changing python/specs.py; the output depends on nothing but the versions named in the JSON.
"""

import copy
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "python"))

import torch
import transformers
from safetensors.torch import save_file

import models
import oracle
import philox
from specs import FIXTURES, LENGTHS


def engine_name(spec, name):
    """A parameter's name in lrdist: classifiers carry their head's name."""
    single = len(spec["heads"]) == 1 and name.startswith("classifier.") and name.count(".") == 1
    return name.replace("classifier.", f"classifier.{spec['heads'][0]['name']}.") if single else name


def forward(spec, model):
    """Logits of every row, rows one after the other, for each classifier; and the first token's state after the embeddings and each layer."""
    model.eval()
    batches = [models.pad([row]) for row in spec["rows"]]
    classifiers = [h for h, head in enumerate(spec["heads"]) if head["kind"] == "classification"]
    with torch.no_grad():
        tensors = {f"logits.{h}": torch.cat([model.logits(batch, h).reshape(-1) for batch in batches]) for h in classifiers}
        states = [torch.stack(model.bert(**batch, output_hidden_states=True).hidden_states)[:, 0, 0] for batch in batches]
    return {**tensors, "states": torch.stack(states)}


def compute(spec, model):
    """Everything a fixture expects, at the model's precision: tensors for the file, and numbers for the JSON."""
    tensors, gradients, training = forward(spec, model), [], []
    for case in spec["gradients"]:
        loss = oracle.step_loss(spec, model, case["parts"], case["batches"], case["stepOffset"], case["dropout"])
        value, grads = oracle.gradients(model, loss)
        gradients.append(value)
        tensors.update({f"{case['name']}.{engine_name(spec, name)}": gradient for name, gradient in grads.items()})
    if "fisher" in spec:
        squares = oracle.fisher(spec, model, spec["fisher"], range(len(spec["rows"])))
        tensors.update({f"fisher.{engine_name(spec, name)}": square for name, square in squares.items()})
    if "masked" in spec:
        tensors["masked"] = oracle.masked_losses(spec, model, spec["masked"])
    for run in spec["training"]:
        training.append(oracle.train(spec, copy.deepcopy(model), run))
    return tensors, gradients, training


def distance(a, b):
    """Largest difference relative to the tensor's largest value."""
    return ((a.double() - b.double()).abs().max() / b.abs().max().clamp_min(1e-30)).item()


def make(spec, index, folder):
    spec = {**spec, "weightSeed": 100 + index, "seed": 2**40 + 12345 + index}
    spec["rows"] = models.rows(spec, LENGTHS, spec.pop("labels"))
    model = models.build(spec)
    weights = {engine_name(spec, name): p.detach().clone() for name, p in model.named_parameters()}
    single, _, _ = compute(spec, copy.deepcopy(model))
    tensors, losses, training = compute(spec, copy.deepcopy(model).double())
    for case, loss in zip(spec["gradients"], losses):
        case["loss"] = loss
    for run, (run_losses, norms) in zip(spec["training"], training):
        run["losses"], run["gradNorms"] = run_losses, norms
    logits = max([float((single[name].double() - value).abs().max()) for name, value in tensors.items() if name.startswith("logits")], default=0.0)
    rest = [distance(single[name], value) for name, value in tensors.items() if not name.startswith("logits") and "key.bias" not in name]
    spec["float32"] = {"logits": logits, "gradients": max(rest)}
    spec["versions"] = {"torch": torch.__version__, "transformers": transformers.__version__}
    path = os.path.join(folder, spec["name"])
    save_file(weights, path + ".weights.safetensors")
    save_file({name: value.float().contiguous() for name, value in tensors.items()}, path + ".expected.safetensors")
    with open(path + ".json", "w", encoding="utf-8") as file:
        json.dump(spec, file, separators=(",", ":"))
        file.write("\n")
    print(f"{spec['name']}: loss {losses}, runs {[(r['losses'][0], r['losses'][-1], max(r['gradNorms'])) for r in spec['training']]}, float32 {spec['float32']}")


if __name__ == "__main__":
    philox.check()
    torch.set_num_threads(1)
    output = os.path.join(HERE, "fixtures")
    os.makedirs(output, exist_ok=True)
    for i, fixture in enumerate(FIXTURES):
        make(copy.deepcopy(fixture), i, output)
