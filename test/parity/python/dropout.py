"""lrdist's dropout masks, put in the place of torch's dropout while a transformers model runs.

A mask is a function of the seed and of (optimizer step, row's slot in that step, site, position, element); native/core says the same in C++.
Site 0 is the embeddings; layer l has 3l+1 (attention probabilities), 3l+2 (attention output), 3l+3 (feed-forward output); the dropout before
classifier h is 0x8000 + h.
"""

from contextlib import contextmanager

import numpy as np
import torch

from philox import halves

HEAD_SITE = 0x8000


def kept(bits, p):
    """Multipliers from 16-bit draws: 0, or what keeps the mean."""
    threshold = round(p * 65536)
    return np.where(bits < threshold, 0.0, 65536 / (65536 - threshold))


def hidden_mask(seed, step, slots, positions, channels, site, p):
    """[rows, positions, channels]"""
    groups = np.arange(-(-channels // 8))
    place = (np.arange(positions) | site << 16)[None, :, None]
    bits = halves((groups[None, None, :], place, np.asarray(slots)[:, None, None], step), (seed & 0xFFFFFFFF, seed >> 32))
    return kept(bits.reshape(len(slots), positions, -1)[..., :channels], p)


def attention_mask(seed, step, slots, positions, heads, site, p):
    """[rows, heads, query, key]"""
    groups = np.arange(-(-positions // 8))[None, None, None, :] | (np.arange(heads) << 16)[None, :, None, None]
    place = (np.arange(positions) | site << 16)[None, None, :, None]
    bits = halves((groups, place, np.asarray(slots)[:, None, None, None], step), (seed & 0xFFFFFFFF, seed >> 32))
    return kept(bits.reshape(len(slots), heads, positions, -1)[..., :positions], p)


@contextmanager
def masks(seed, step, slots, layers, head):
    """Within, the n-th dropout of a forward pass gets the mask of the n-th site."""
    sites = iter([0, *range(1, 3 * layers + 1), HEAD_SITE + head])
    plain = torch.nn.functional.dropout

    def dropout(x, p=0.5, training=True, inplace=False):
        site = next(sites)
        if not training or p == 0:
            return x
        if x.dim() == 4:
            mask = attention_mask(seed, step, slots, x.shape[2], x.shape[1], site, p)
        else:
            mask = hidden_mask(seed, step, slots, x.shape[1] if x.dim() == 3 else 1, x.shape[-1], site, p).reshape(x.shape)
        return x * torch.from_numpy(mask).to(x.dtype)

    torch.nn.functional.dropout = dropout
    try:
        yield
    finally:
        torch.nn.functional.dropout = plain
