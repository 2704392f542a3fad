"""Losses, gradients and training runs of a transformers model under torch's autograd."""

import contextlib

import torch
from torch.nn.functional import cross_entropy, mse_loss, softmax

from dropout import masks
from masking import masked_rows
from models import pad


def mean_loss(logits, rows, part):
    kind = part["loss"]
    if kind == "mse":
        return mse_loss(logits.squeeze(-1), torch.tensor([row["label"] for row in rows], dtype=logits.dtype))
    if kind == "masked-lm":
        longest = max(len(row["ids"]) for row in rows)
        targets = torch.tensor([[*row["targets"], *[-100] * (longest - len(row["ids"]))] for row in rows])
        return cross_entropy(logits.transpose(1, 2), targets, ignore_index=-100)
    targets = torch.tensor([int(row["label"]) for row in rows])
    if kind == "double-softmax":
        logits = softmax(logits, dim=-1)
    return cross_entropy(logits, targets, label_smoothing=part.get("labelSmoothing", 0.0))


def batch_loss(spec, model, part, rows, slots, step, dropout):
    """Mean loss of one micro-batch. `slots` are its rows' places in the whole optimizer step."""
    if part["loss"] == "masked-lm":
        rows = masked_rows(rows, slots, step, spec["seed"], part["masking"], spec["model"]["vocab"])
    model.train(dropout)
    draws = masks(spec["seed"], step, slots, spec["model"]["layers"], part["head"]) if dropout else contextlib.nullcontext()
    with draws:
        return mean_loss(model.logits(pad(rows), part["head"]), rows, part)


def step_loss(spec, model, parts, batches, step, dropout):
    """Loss of an optimizer step: the sum over its micro-batches of weight x mean loss."""
    total, slot = 0, 0
    for batch in batches:
        rows = [spec["rows"][row] for row in batch["rows"]]
        slots = list(range(slot, slot + len(rows)))
        slot += len(rows)
        total = total + batch["weight"] * batch_loss(spec, model, parts[batch["part"]], rows, slots, step, dropout)
    return total


def gradients(model, loss):
    """Loss and gradients by name; parameters outside the graph have none."""
    model.zero_grad(set_to_none=True)
    loss.backward()
    return loss.item(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def train(spec, model, run):
    """Losses (before the update) and gradient norms (before clipping) of a training run, one for each step. Rate 0 is frozen."""
    for name, p in model.named_parameters():
        p.requires_grad_(run["groups"][group_of(run["groups"], name)]["rate"] > 0)
    groups = [
        {"params": [p for name, p in model.named_parameters() if group_of(run["groups"], name) == i], "lr": g["rate"], "weight_decay": g["decay"]}
        for i, g in enumerate(run["groups"])
    ]
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[run["optimizer"]]
    optimizer = kind(groups, betas=(0.9, 0.999), eps=1e-8)
    losses, norms = [], []
    for i, batches in enumerate(run["steps"]):
        for group, g in zip(optimizer.param_groups, run["groups"]):
            group["lr"] = g["rate"] * run["factors"][i]
        model.zero_grad(set_to_none=True)
        loss = step_loss(spec, model, run["parts"], batches, run["stepOffset"] + i, run["dropout"])
        loss.backward()
        losses.append(loss.item())
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), run["clipNorm"] or float("inf")).item())
        optimizer.step()
    return losses, norms


def group_of(groups, name):
    """First group one of whose patterns occurs in the name."""
    for i, group in enumerate(groups):
        if any(pattern in name for pattern in group["match"]):
            return i
    raise KeyError(name)


def fisher(spec, model, part, rows):
    """Mean over rows of the squared gradient of one row's loss, dropout off."""
    sums = {}
    for row in rows:
        _, gradient = gradients(model, batch_loss(spec, model, part, [spec["rows"][row]], [0], 0, False))
        for name, value in gradient.items():
            sums[name] = sums.get(name, 0) + value**2 / len(rows)
    return sums


def masked_losses(spec, model, part):
    """[rows, 2]: summed loss and number of masked tokens of each row, as evaluation masks them: slot = row, the last step there can be."""
    model.eval()
    out = []
    for slot, row in enumerate(spec["rows"]):
        [masked] = masked_rows([row], [slot], 0xFFFFFFFF, spec["seed"], part["masking"], spec["model"]["vocab"])
        targets = torch.tensor([masked["targets"]])
        with torch.no_grad():
            total = cross_entropy(model.logits(pad([masked]), part["head"]).transpose(1, 2), targets, ignore_index=-100, reduction="sum")
        out.append(torch.stack([total, (targets >= 0).sum().to(total.dtype)]))
    return torch.stack(out)
