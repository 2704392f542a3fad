"""Tiny random BERTs from transformers, with the heads that lrdist knows, and rows for them."""

import torch
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification, BertModel
from transformers.models.bert.modeling_bert import BertOnlyMLMHead


class Heads(torch.nn.Module):
    """An encoder with several heads, or with a classifier on the raw state of the first token; transformers has no such class."""

    def __init__(self, config, heads):
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=any(head["pool"] == "pooler" for head in heads))
        self.pools = [head["pool"] for head in heads]
        self.dropouts = torch.nn.ModuleList(torch.nn.Dropout(head["dropout"]) for head in heads)
        self.names = [head["name"] for head in heads]
        classifiers = [head for head in heads if head["kind"] == "classification"]
        self.classifier = torch.nn.ModuleDict({head["name"]: torch.nn.Linear(config.hidden_size, head["outputs"]) for head in classifiers})
        if len(classifiers) < len(heads):
            self.cls = BertOnlyMLMHead(config)
            self.cls.predictions.decoder.weight = self.bert.embeddings.word_embeddings.weight
            self.cls.predictions.decoder.bias = self.cls.predictions.bias

    def logits(self, batch, head):
        out = self.bert(**batch)
        if self.names[head] not in self.classifier:
            return self.cls(out.last_hidden_state)
        pooled = out.pooler_output if self.pools[head] == "pooler" else out.last_hidden_state[:, 0]
        return self.classifier[self.names[head]](self.dropouts[head](pooled))


class SequenceClassification(BertForSequenceClassification):
    def logits(self, batch, head):
        return self(**batch).logits


class MaskedLM(BertForMaskedLM):
    def logits(self, batch, head):
        return self(**batch).logits


def build(spec):
    model, heads = spec["model"], spec["heads"]
    config = BertConfig(
        vocab_size=model["vocab"],
        max_position_embeddings=model["maxPositions"],
        type_vocab_size=model["typeVocab"],
        hidden_size=model["hidden"],
        num_hidden_layers=model["layers"],
        num_attention_heads=model["heads"],
        intermediate_size=model["intermediate"],
        layer_norm_eps=model["layerNormEps"],
        hidden_dropout_prob=model["hiddenDropout"],
        attention_probs_dropout_prob=model["attentionDropout"],
        classifier_dropout=heads[0]["dropout"],
        num_labels=heads[0]["outputs"],
        pad_token_id=0,
        attn_implementation="eager",
    )
    torch.manual_seed(spec["weightSeed"])
    if len(heads) == 1 and heads[0]["kind"] == "masked-lm":
        network = MaskedLM(config)
    elif len(heads) == 1 and heads[0]["pool"] == "pooler":
        network = SequenceClassification(config)
    else:
        network = Heads(config, heads)
    # Wider than BERT's initial values, and no zero bias: every path has to matter.
    generator = torch.Generator().manual_seed(spec["weightSeed"])
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(1 + 0.2 * noise if name.endswith("LayerNorm.weight") else 0.2 * noise)
    return network


def rows(spec, lengths, labels):
    """Random token ids (the first is 2 and ids 0 to 4 occur nowhere else), segments that change half way, and labels."""
    generator = torch.Generator().manual_seed(spec["weightSeed"] + 1000)
    vocab = spec["model"]["vocab"]
    out = []
    for length, label in zip(lengths, labels):
        ids = torch.randint(5, vocab, (length,), generator=generator).tolist()
        out.append({"ids": [2, *ids[1:]], "types": [int(i > length // 2) for i in range(length)], "label": label})
    return out


def pad(rows):
    longest = max(len(row["ids"]) for row in rows)
    fill = lambda values: [*values, *[0] * (longest - len(values))]
    return {
        "input_ids": torch.tensor([fill(row["ids"]) for row in rows]),
        "token_type_ids": torch.tensor([fill(row["types"]) for row in rows]),
        "attention_mask": torch.tensor([fill([1] * len(row["ids"])) for row in rows]),
    }
