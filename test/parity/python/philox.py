"""Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) in numpy."""

import numpy as np

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


def philox(counter, key):
    """Four uint32 arrays from four broadcastable counter words and two key words."""
    c = [np.asarray(word, dtype=np.uint64) for word in np.broadcast_arrays(*counter)]
    k = [np.uint64(word) for word in key]
    for _ in range(10):
        first, second = c[0] * np.uint64(MULTIPLIERS[0]), c[2] * np.uint64(MULTIPLIERS[1])
        c = [(second >> HALF) ^ c[1] ^ k[0], second & LOW, (first >> HALF) ^ c[3] ^ k[1], first & LOW]
        k = [(k[0] + np.uint64(WEYL[0])) & LOW, (k[1] + np.uint64(WEYL[1])) & LOW]
    return [word.astype(np.uint32) for word in c]


def halves(counter, key):
    """The eight uint16 of each call, low half of each word first, as a last axis."""
    words = np.stack(philox(counter, key), axis=-1)
    return np.stack([words & 0xFFFF, words >> 16], axis=-1).reshape(*words.shape[:-1], 8)


def check():
    """Known answers published with Random123 (kat_vectors)."""
    known = [
        ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0], "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ]
    for counter, key, expected in known:
        got = " ".join(f"{int(word):08x}" for word in philox(counter, key))
        if got != expected:
            raise AssertionError(f"philox: {got}, expected {expected}")
