"""lrdist's masking for the masked-LM loss: a Philox draw for each token; native/core/batch.cc says the same in C++."""

from philox import philox

MASKING_SITE = 0xFFFF
MASK, RANDOM = round(0.8 * 2**32), round(0.9 * 2**32)


def masked_rows(rows, slots, step, seed, masking, vocab):
    """Copies of the rows with masked ids and `targets`: the original id where a token was masked, else -100."""
    special = set(masking["special"])
    threshold = int(masking["probability"] * 2**32)
    out = []
    for row, slot in zip(rows, slots):
        ids, targets = list(row["ids"]), [-100] * len(row["ids"])
        for position, token in enumerate(row["ids"]):
            if token in special:
                continue
            draw = [int(word) for word in philox((0, position | MASKING_SITE << 16, slot, step), (seed & 0xFFFFFFFF, seed >> 32))]
            if draw[0] >= threshold:
                continue
            targets[position] = token
            if draw[1] < MASK:
                ids[position] = masking["maskId"]
            elif draw[1] < RANDOM:
                random = draw[2] % vocab
                while random in special:
                    random = (random + 1) % vocab
                ids[position] = random
        out.append({**row, "ids": ids, "targets": targets})
    return out
