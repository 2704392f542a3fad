"""Writes a BERT with random weights in BERT-base's shape and another model's tokenizer: speed does not depend on the weights."""

import argparse

import torch
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

parser = argparse.ArgumentParser()
parser.add_argument("--tokenizer", required=True, help="folder of a BERT with the usual uncased vocabulary")
parser.add_argument("--output_dir", required=True)
args = parser.parse_args()

tokenizer = AutoTokenizer.from_pretrained(args.tokenizer)
torch.manual_seed(1)
BertForSequenceClassification(BertConfig(vocab_size=len(tokenizer))).bert.save_pretrained(args.output_dir)
tokenizer.save_pretrained(args.output_dir)
print('{"done": true}')
