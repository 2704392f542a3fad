"""Batches of an epoch, whole ones only, and a few of them that stand for all."""

import random

import torch
from transformers.trainer_pt_utils import get_length_grouped_indices


def epoch(lengths, batch, grouped, seed):
    """The batches of an epoch in order: shuffled, or grouped by length as Trainer does it."""
    generator = torch.Generator().manual_seed(seed)
    if grouped:
        order = get_length_grouped_indices(lengths, batch, generator=generator)
    else:
        order = torch.randperm(len(lengths), generator=generator).tolist()
    return [order[i : i + batch] for i in range(0, len(order) - batch + 1, batch)]


def typical(batches, lengths, count, seed):
    """
    `count` batches whose lengths are spread like those of all: every n-th of them by tokens, in random order.

    Trainer begins each group with its longest rows, so the first batches of a run would not do.
    """
    by_tokens = sorted(batches, key=lambda rows: sum(lengths[i] for i in rows))
    chosen = [by_tokens[int((i + 0.5) * len(by_tokens) / count)] for i in range(count)]
    random.Random(seed).shuffle(chosen)
    return chosen


def tokens(batches, lengths):
    return sum(lengths[i] for rows in batches for i in rows)
