"""Token ids of Hugging Face's tokenizers, for test/unit/data/tokenizer.test.ts and tokenizer-full.test.ts.

    python3 test/parity/make_tokenizer_fixtures.py [folder with glue/ and models/]

Without the folder only tokenizer.json is made: made-up sentences through a small made-up vocabulary. With it, tokenizer-glue.json is
made too: a SHA-256 of the ids of every GLUE split with the two models' tokenizers (no text and no weights).
"""

import csv
import hashlib
import json
import os
import sys
import tempfile

import numpy as np
import tokenizers
import transformers
from transformers import AutoTokenizer, BertTokenizer

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
WORDS = """the a cat dog sat on mat river bank lamp walk walking ##ing ##ed ##s un ##able ##ly Paris paris cafe café CAFÉ naïve naive
Straße strasse über uber ß ##ß 東 京 都 ##京 한 국 국어 ά α β γ ς σ σας ##ας й и о ١ ٢ é è ö Ö å İ i̇ ı ﬁ fi ½ ™ € £ $ % & ' " ` ~ ^ | \\ / < > = + - – — … . , ; : ? !
( ) [ ] { } # @ * _ 10 2024 ##0 ##1 ##2 ##3 20 ##24 x y z zebra quilt jazz fjord""".split()


def vocabulary():
    tokens = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens += list(LETTERS) + ["##" + c for c in LETTERS]
    return list(dict.fromkeys(tokens + WORDS))


SENTENCES = [
    "",
    " ",
    "The cat sat on the mat.",
    "the river bank, the lamp & the dog!",
    "Walking walked unwalkable walkingly",
    "Café CAFÉ cafe\u0301 naïve Straße ÜBER über",
    "東京都 の cat、한국어 국어",
    "σας ΣΑΣ ΟΔΟΣ ά й и\u0306",
    "İstanbul ıstanbul ﬁne ½ ™ x² ① Ⅷ",
    "tabs\tand\u00a0no-break\u2003spaces\u200bzero\u2028line\u2029para\u0085nel",
    "control\u0000\u0001\ufffdchars \u00adsoft \ufeffbom",
    "emoji 😀👩‍👩‍👧 and 𝒳 math, astral 𠀀𪛖",
    "\"quotes\" 'single' `back` ``double''",
    "don't can't won't it's",
    "[CLS] the [SEP] cat [MASK] sat [UNK] [PAD] [cls] [unused0]",
    "##ing ## #hash @at under_score a-b—c–d…e",
    "x" * 99 + " " + "x" * 100 + " " + "x" * 101 + " " + "x" * 300,
    "zebra quilt jazz fjord 10 2024 1000 20242024",
    "ÅÖÄ åöä Ångström e\u0301\u0302",
    "١٢ ٣ 123 ৪",
    "\u202eright to left\u202c שלום مرحبا",
    "a\r\nb\rc\nd",
    "the " * 40,
    "cat dog " * 90,
    "one-letter a b c d e f g h i j k l m n o p q r s t u v w x y z",
    "trailing space ",
    "$5.00 €5 £5 50% #1 (a) [b] {c} <d> a=b+c/d\\e|f~g^h",
]


def made_up():
    pairs = [(a, None) for a in SENTENCES]
    n = len(SENTENCES)
    pairs += [(SENTENCES[i], SENTENCES[(i * 7 + 3) % n]) for i in range(n)]
    pairs += [(SENTENCES[22], SENTENCES[23]), (SENTENCES[23], SENTENCES[22]), (SENTENCES[22], SENTENCES[22]), (SENTENCES[0], SENTENCES[23])]
    lengths = [5, 6, 7, 8, 9, 16, 31, 32, 128]
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "vocab.txt"), "w", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(vocabulary()) + "\n")
        for settings in (
            {},
            {"do_lower_case": False},
            {"do_lower_case": True, "strip_accents": False},
            {"do_lower_case": False, "strip_accents": True},
            {"do_lower_case": True, "tokenize_chinese_chars": False},
            {"truncation_side": "left"},
        ):
            tokenizer = BertTokenizer.from_pretrained(folder, **settings)
            rows = []
            for length in lengths:
                for a, b in pairs:
                    # As run_glue calls it, in batches: alone, transformers would take an empty second text for none.
                    batch = ([a],) if b is None else ([a], [b])
                    encoded = {key: value[0] for key, value in tokenizer(*batch, truncation=True, max_length=length).items()}
                    rows.append([encoded["input_ids"], sum(t == 0 for t in encoded["token_type_ids"])])
                    assert encoded["token_type_ids"] == sorted(encoded["token_type_ids"])
            # One number for a row of many: the ids of all lengths but 32 only as a hash, to keep the file small.
            shown = [row for row in rows[lengths.index(32) * len(pairs) :][: len(pairs)]]
            cases.append({"settings": settings, "at32": shown, "sha256": digest(rows)})
    return {
        "vocabulary": vocabulary(),
        "sentences": SENTENCES,
        "pairs": [[SENTENCES.index(a), None if b is None else SENTENCES.index(b)] for a, b in pairs],
        "lengths": lengths,
        "cases": cases,
        "versions": versions(),
    }


def digest(rows):
    """Of the ids, the lengths of the rows, and the number of tokens of segment 0 in each, as little-endian int32."""
    sha = hashlib.sha256()
    sha.update(np.concatenate([np.asarray(ids, dtype="<i4") for ids, _ in rows]).tobytes())
    sha.update(np.asarray([len(ids) for ids, _ in rows], dtype="<i4").tobytes())
    sha.update(np.asarray([zeros for _, zeros in rows], dtype="<i4").tobytes())
    return sha.hexdigest()


def versions():
    return {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}


FILES = {
    "cola": ("CoLA", {"train": "train", "validation": "dev", "test": "test"}, ("sentence",)),
    "sst2": ("SST-2", {"train": "train", "validation": "dev", "test": "test"}, ("sentence",)),
    "mrpc": ("MRPC", {"train": "train", "validation": "dev", "test": "test"}, ("#1 String", "#2 String")),
    "stsb": ("STS-B", {"train": "train", "validation": "dev", "test": "test"}, ("sentence1", "sentence2")),
    "qqp": ("QQP", {"train": "train", "validation": "dev"}, ("question1", "question2")),
    "mnli": ("MNLI", {"train": "train", "validation_matched": "dev_matched", "validation_mismatched": "dev_mismatched"}, ("sentence1", "sentence2")),
    "qnli": ("QNLI", {"train": "train", "validation": "dev", "test": "test"}, ("question", "sentence")),
    "rte": ("RTE", {"train": "train", "validation": "dev", "test": "test"}, ("sentence1", "sentence2")),
    "wnli": ("WNLI", {"train": "train", "validation": "dev", "test": "test"}, ("sentence1", "sentence2")),
    "ax": ("diagnostic", {"test": "diagnostic"}, ("sentence1", "sentence2")),
}


def read_tsv(path, texts, headerless):
    csv.field_size_limit(1 << 30)
    with open(path, encoding="utf-8-sig", newline="\n") as file:
        lines = [line.rstrip("\n").split("\t") for line in file]
    if headerless:
        return [[line[3]] for line in lines]
    columns = [lines[0].index(name) for name in texts]
    return [[line[c] for c in columns] for line in lines[1:]]


def glue(data):
    result = {"versions": versions(), "splits": []}
    for model in ("minilm-l6-h384-uncased", "bert-tiny-uncased-mlm"):
        tokenizer = AutoTokenizer.from_pretrained(os.path.join(data, "models", model))
        for task, (folder, splits, texts) in FILES.items():
            for split, file in splits.items():
                path = os.path.join(data, "glue", folder, file + ".tsv")
                rows = read_tsv(path, texts, task == "cola" and split != "test")
                for length in (32, 128):
                    encoded = tokenizer(*map(list, zip(*rows)), truncation=True, max_length=length, padding=False)
                    pairs = [(ids, len(types) - sum(types)) for ids, types in zip(encoded["input_ids"], encoded["token_type_ids"])]
                    entry = {"model": model, "task": task, "split": split, "length": length, "rows": len(rows)}
                    result["splits"].append({**entry, "tokens": sum(len(ids) for ids, _ in pairs), "sha256": digest(pairs)})
                    print(entry, flush=True)
    return result


def write(name, value):
    with open(os.path.join(HERE, name), "w", encoding="utf-8", newline="\n") as file:
        json.dump(value, file, ensure_ascii=True, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    os.makedirs(HERE, exist_ok=True)
    write("tokenizer.json", made_up())
    if len(sys.argv) > 1:
        write("tokenizer-glue.json", glue(sys.argv[1]))
