"""What the fixtures contain. Every fixture is one tiny model with its rows, and the things to compare on it."""


def model(hidden, heads, layers, intermediate, vocab, eps=1e-12, types=2, dropout=(0.0, 0.0), pooler=True):
    return {
        "vocab": vocab,
        "maxPositions": 24,
        "typeVocab": types,
        "hidden": hidden,
        "layers": layers,
        "heads": heads,
        "intermediate": intermediate,
        "layerNormEps": eps,
        "hiddenDropout": dropout[0],
        "attentionDropout": dropout[1],
        "pooler": pooler,
    }


def head(name, outputs, pool="pooler", dropout=0.0, kind="classification"):
    return {"name": name, "kind": kind, "outputs": outputs, "pool": pool, "dropout": dropout}


LENGTHS = [9, 4, 17, 12, 3, 21, 7, 24, 2, 13, 8, 16]
TWO = [0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0]
THREE = [0, 2, 1, 1, 0, 2, 2, 1, 0, 2, 1, 0]
SCORES = [0.0, 4.5, 1.25, 3.0, 2.2, 5.0, 0.4, 3.6, 1.0, 2.75, 4.0, 0.8]
ALL = list(range(12))
CROSS_ENTROPY = {"head": 0, "loss": "cross-entropy"}


def masked_lm(probability, head=0):
    return {"head": head, "loss": "masked-lm", "masking": {"probability": probability, "maskId": 4, "special": [0, 1, 2, 3, 4]}}


def batch(rows, weight=1.0, part=0):
    return {"rows": rows, "weight": weight, "part": part}


def gradient(name, batches, parts=(CROSS_ENTROPY,), dropout=False, step=0):
    return {"name": name, "parts": list(parts), "batches": batches, "dropout": dropout, "stepOffset": step}


def training(name, optimizer, parts=(CROSS_ENTROPY,), dropout=False, step=0, steps=10, frozen=()):
    """Ten steps of four rows over the twelve; the encoder and the heads each have a rate, each with and without decay; linear schedule."""
    order = [(5 * i) % 12 for i in range(4 * steps)]
    plain = ["bias", "LayerNorm"]
    return {
        "name": name,
        "optimizer": optimizer,
        "parts": list(parts),
        "groups": [
            *([{"match": list(frozen), "rate": 0.0, "decay": 0.0}] if frozen else []),
            {"match": ["classifier.bias"], "rate": 3e-3, "decay": 0.0},
            {"match": ["classifier"], "rate": 3e-3, "decay": 0.01},
            {"match": plain, "rate": 5e-4, "decay": 0.0},
            {"match": ["cls.predictions"], "rate": 3e-3, "decay": 0.01},
            {"match": [""], "rate": 5e-4, "decay": 0.01},
        ],
        "steps": [[batch(order[4 * i : 4 * i + 4])] for i in range(steps)],
        "factors": [1 - i / steps for i in range(steps)],
        "clipNorm": 1.0,
        "dropout": dropout,
        "stepOffset": step,
    }


FIXTURES = [
    {
        "name": "two-labels",
        "model": model(32, 4, 2, 64, 61),
        "heads": [head("main", 2)],
        "labels": TWO,
        "gradients": [gradient("all", [batch(ALL)])],
        "training": [training("adam", "adam"), training("adamw", "adamw"), training("frozen", "adamw", frozen=["embeddings", "layer.0."])],
    },
    {
        "name": "three-labels",
        "model": model(48, 3, 3, 80, 43, eps=1e-5),
        "heads": [head("main", 3)],
        "labels": THREE,
        "gradients": [gradient("all", [batch(ALL)])],
        "training": [training("adamw", "adamw")],
    },
    {
        "name": "regression",
        "model": model(20, 2, 2, 36, 37, eps=1e-7),
        "heads": [head("main", 1)],
        "labels": SCORES,
        "gradients": [gradient("all", [batch(ALL)], [{"head": 0, "loss": "mse"}])],
        "training": [training("adam", "adam", [{"head": 0, "loss": "mse"}])],
        "fisher": {"head": 0, "loss": "mse"},
    },
    {
        "name": "losses",
        "model": model(16, 2, 1, 28, 31),
        "heads": [head("main", 3)],
        "labels": THREE,
        "gradients": [
            gradient("smoothing", [batch(ALL)], [{**CROSS_ENTROPY, "labelSmoothing": 0.1}]),
            gradient("double-softmax", [batch(ALL)], [{"head": 0, "loss": "double-softmax"}]),
            gradient("weighted", [batch(ALL[:5], 0.25), batch(ALL[5:], 0.6)]),
        ],
        "training": [training("double-softmax", "adam", [{"head": 0, "loss": "double-softmax"}])],
        "fisher": CROSS_ENTROPY,
    },
    {
        "name": "raw-state",
        "model": model(24, 3, 2, 40, 41, pooler=False),
        "heads": [head("main", 2, pool="cls")],
        "labels": TWO,
        "gradients": [gradient("all", [batch(ALL)])],
        "training": [training("adamw", "adamw")],
    },
    {
        "name": "two-heads",
        "model": model(16, 2, 2, 24, 31),
        "heads": [head("first", 2), head("second", 3, pool="cls", dropout=0.2)],
        "labels": TWO,
        "gradients": [
            gradient("second-alone", [batch(ALL, part=0)], [{"head": 1, "loss": "cross-entropy"}]),
            gradient(
                "both",
                [batch([0, 3, 5], 0.7), batch([1, 2, 4, 9], 0.3, part=1)],
                [CROSS_ENTROPY, {"head": 1, "loss": "cross-entropy"}],
                dropout=True,
                step=3,
            ),
        ],
        "training": [],
    },
    {
        "name": "dropout",
        "model": model(32, 4, 2, 48, 47, dropout=(0.1, 0.2)),
        "heads": [head("main", 2, dropout=0.3)],
        "labels": TWO,
        "gradients": [gradient("accumulated", [batch(ALL[:7], 7 / 12), batch(ALL[7:], 5 / 12)], dropout=True, step=70000)],
        "training": [training("adamw", "adamw", dropout=True, step=5)],
    },
    {
        "name": "masked-lm",
        "model": model(32, 2, 2, 48, 53, dropout=(0.15, 0.1), pooler=False),
        "heads": [head("lm", 1, kind="masked-lm")],
        "labels": TWO,
        "gradients": [
            gradient("all", [batch(ALL)], [masked_lm(0.4)], step=11),
            gradient("accumulated", [batch(ALL[:5], 0.5), batch(ALL[5:], 0.5)], [masked_lm(0.15)], dropout=True, step=12),
        ],
        "training": [training("adam", "adam", [masked_lm(0.5)], step=100)],
        "masked": masked_lm(0.3),
    },
    {
        "name": "joint",
        "model": model(20, 2, 2, 28, 29, eps=1e-6, dropout=(0.1, 0.1)),
        "heads": [head("main", 2, dropout=0.1), head("lm", 1, kind="masked-lm")],
        "labels": TWO,
        "gradients": [
            gradient("both", [batch(ALL[:6], 1.0), batch(ALL[4:], 0.4, part=1)], [CROSS_ENTROPY, masked_lm(0.3, head=1)], dropout=True, step=2),
        ],
        "training": [],
    },
]
